"""How many rows of the target a transfer is worth: learning curves, read sideways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.isotonic import isotonic_regression

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
N_SAMPLES = 1000


@dataclass(frozen=True)
class RowsSaved:
    """What :func:`rows_saved` found, one entry for each number of rows.

    Parameters
    ----------
    n_rows : ndarray of shape (n_sizes,)
        Labelled rows of the target.
    own, transferred : ndarray of shape (n_sizes,)
        Mean scores.
    saved, low, high : ndarray of shape (n_sizes,)
        Rows that the transfer is worth, and its interval over the draws; NaN where there is one draw.
    bound : ndarray of str of shape (n_sizes,)
        "at least" or "at most" where the score lies beyond the target's own curve, else "".
    """

    n_rows: Floats
    own: Floats
    transferred: Floats
    saved: Floats
    low: Floats
    high: Floats
    bound: NDArray[np.str_]

    def frame(self) -> pd.DataFrame:
        """Return one row for each number of rows."""
        import pandas as pd

        return pd.DataFrame({name: getattr(self, name) for name in self.__dataclass_fields__})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw both curves, and between them how many rows further to the right the own one is as good.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure otherwise (``ax.figure``).

        Returns
        -------
        matplotlib Axes
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(figsize=(7.0, 4.2), layout="constrained").subplots()
        ax.plot(self.n_rows, self.own, "o-", color="#c8500a", label="target alone")
        ax.plot(self.n_rows, self.transferred, "D-", color="#0b6fb8", label="with transfer")
        for n, score, saved, bound in zip(self.n_rows, self.transferred, self.saved, self.bound, strict=True):
            ax.annotate("", xy=(n + saved, score), xytext=(n, score), arrowprops={"arrowstyle": "->", "color": "0.45"})
            words = f"{bound} {saved:+.0f}".strip()
            ax.annotate(words, xy=(n, score), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=9)
        ax.set_xscale("log")
        ax.set_xticks(self.n_rows, [f"{n:g}" for n in self.n_rows])
        ax.minorticks_off()
        ax.margins(y=0.12)
        ax.set_xlabel("labelled rows of the target; the arrows are the rows saved")
        ax.set_ylabel("score")
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        ax.legend(frameon=False, loc="lower right")
        return ax

    def __str__(self) -> str:
        lines = [
            f"{n:g} rows with transfer are worth {'' if not bound else bound + ' '}{n + saved:.0f} without "
            f"({saved:+.0f}; score {other:.3g} against {own:.3g})."
            for n, own, other, saved, bound in zip(
                self.n_rows, self.own, self.transferred, self.saved, self.bound, strict=True
            )
        ]
        return "\n".join(lines)


def rows_saved(
    n_rows: ArrayLike,
    own: ArrayLike,
    transferred: ArrayLike,
    *,
    greater_is_better: bool = True,
    level: float = 0.95,
    random_state: Any = 0,
) -> RowsSaved:
    r"""Return how many more rows of the target its own model would need to be as good as the transfer.

    With :math:`a(n)` the own model's mean score, made monotone and interpolated in :math:`\log n`, and :math:`b(n)`
    that of the transfer,

    .. math::
        \text{saved}(n) = \min \{ m : a(m) \ge b(n) \} - n .

    Negative: the transfer costs rows.

    Parameters
    ----------
    n_rows : array-like of shape (n_sizes,)
        Labelled rows of the target, rising; at least two sizes.
    own, transferred : array-like of shape (n_sizes,) or (n_draws, n_sizes)
        Scores at these sizes on the same test rows; those of one draw belong together.
    greater_is_better : bool, default=True
        False for losses.
    level : float, default=0.95
        Of the interval, by drawing the draws with replacement 1000 times.
    random_state : int, RandomState instance or None, default=0
        For that.

    Returns
    -------
    RowsSaved
        With ``frame()`` and ``plot()``; ``print`` writes a line for each size.

    Raises
    ------
    ValueError
        If shapes do not agree, sizes do not rise, or scores are not finite.

    Notes
    -----
    A score beyond the own model's best says no more than that the rows saved are "at least" those up to the largest
    size; one below its worst, "at most" (column ``bound``).

    Examples
    --------
    >>> from crosstask.metrics import rows_saved
    >>> print(rows_saved([10, 40, 160], own=[0.6, 0.7, 0.8], transferred=[0.7, 0.75, 0.79]))
    10 rows with transfer are worth 40 without (+30; score 0.7 against 0.6).
    40 rows with transfer are worth 80 without (+40; score 0.75 against 0.7).
    160 rows with transfer are worth 139 without (-21; score 0.79 against 0.8).
    """
    from sklearn.utils import check_random_state

    sizes = np.asarray(n_rows, dtype=np.float64)
    if sizes.ndim != 1 or len(sizes) < 2 or sizes[0] <= 0 or not (np.diff(sizes) > 0).all():
        raise ValueError(f"n_rows={n_rows!r}: give at least two numbers of rows, rising and above 0.")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level={level!r}: give a coverage between 0 and 1, such as 0.95.")
    first, second = (_draws(name, given, len(sizes)) for name, given in (("own", own), ("transferred", transferred)))
    if first.shape != second.shape:
        raise ValueError(f"own has {len(first)} draws and transferred {len(second)}: give both the same draws.")
    sign = 1.0 if greater_is_better else -1.0
    saved, bound = _saved(sizes, sign * first.mean(axis=0), sign * second.mean(axis=0))
    low = high = np.full(len(sizes), np.nan)
    if len(first) > 1:
        rng = check_random_state(random_state)
        drawn = [rng.randint(len(first), size=len(first)) for _ in range(N_SAMPLES)]
        again = [_saved(sizes, sign * first[d].mean(axis=0), sign * second[d].mean(axis=0))[0] for d in drawn]
        low, high = np.quantile(again, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    return RowsSaved(sizes, first.mean(axis=0), second.mean(axis=0), saved, low, high, bound)


def _draws(name: str, given: ArrayLike, n_sizes: int) -> Floats:
    scores = np.atleast_2d(np.asarray(given, dtype=np.float64))
    if scores.ndim != 2 or scores.shape[1] != n_sizes or not len(scores):
        raise ValueError(
            f"{name} has the shape {np.shape(given)}: give (n_sizes,) or (n_draws, n_sizes), {n_sizes} sizes."
        )
    if not np.isfinite(scores).all():
        raise ValueError(f"{name} holds NaN or infinite scores: leave those sizes out, or give all of them.")
    return scores


def _saved(sizes: Floats, own: Floats, transferred: Floats) -> tuple[Floats, NDArray[np.str_]]:
    curve = np.asarray(isotonic_regression(own), dtype=np.float64)
    reached = np.searchsorted(curve, transferred - 1e-12 * np.abs(transferred))
    inside = np.clip(reached, 1, len(sizes) - 1)
    step = curve[inside] - curve[inside - 1]
    part = np.clip((transferred - curve[inside - 1]) / np.where(step > 0, step, 1.0), 0.0, 1.0)
    log = np.log(sizes)
    needed = np.exp(log[inside - 1] + part * (log[inside] - log[inside - 1]))
    needed = np.where(reached == 0, sizes[0], np.where(reached == len(sizes), sizes[-1], needed))
    below = (reached == 0) & (transferred < curve[0])
    bound = np.where(reached == len(sizes), "at least", np.where(below, "at most", ""))
    return needed - sizes, bound

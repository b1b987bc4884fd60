"""Related tasks with known truth: coefficients are a common part plus an own part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["regression", "classification"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RelatedTasks:
    """Rows of several tasks, and the truth that they were drawn from.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows sorted by task.
    y : ndarray of shape (n_rows,)
        Real numbers, or the class 0 .. n_classes - 1.
    task : ndarray of shape (n_rows,)
        Task of each row, 0 .. n_tasks - 1.
    coef : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
        True slopes; three axes only for three classes or more.
    intercept : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        True intercepts.
    outlier : ndarray of bool of shape (n_tasks,)
        Tasks whose slopes had their sign turned.
    centre : ndarray of shape (n_tasks, n_features)
        Mean of x in each task.
    noise : float
        Standard deviation of y about its expectation (regression); nan for classification, where the classes
        are drawn from their probabilities.
    expected : ndarray of shape (n_rows,) or (n_rows, n_classes)
        True mean of y at each row, or the true class probabilities.
    kind : {"regression", "classification"}
        What y is.
    """

    X: Floats = field(repr=False)
    y: NDArray[Any] = field(repr=False)
    task: NDArray[np.int64] = field(repr=False)
    coef: Floats = field(repr=False)
    intercept: Floats = field(repr=False)
    outlier: NDArray[np.bool_] = field(repr=False)
    centre: Floats = field(repr=False)
    noise: float
    expected: Floats = field(repr=False)
    kind: Kind

    @property
    def bayes_loss(self) -> Floats:
        """Loss that knowing the truth leaves, per task: squared error, or log loss in nats; shape (n_tasks,)."""
        if self.kind == "regression":
            return np.full(len(self.centre), self.noise**2)
        entropy = -np.sum(self.expected * np.log(self.expected), axis=1)
        counts = np.bincount(self.task, minlength=len(self.centre))
        return np.bincount(self.task, entropy, len(self.centre)) / counts

    def frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame with the columns ``task``, ``x0`` .. and ``y``."""
        import pandas as pd

        frame = pd.DataFrame(self.X, columns=[f"x{j}" for j in range(self.X.shape[1])])
        frame.insert(0, "task", self.task)
        frame["y"] = self.y
        frame.attrs.update(target="y", task="task", time=None, source="crosstask.datasets.make_related_tasks")
        return frame

    def draw(self, n_rows: int | Sequence[int], *, random_state: Any = None) -> RelatedTasks:
        """Draw fresh rows of the same tasks, for instance to test on.

        Parameters
        ----------
        n_rows : int or sequence of int
            Rows of every task, or of each.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw.

        Returns
        -------
        RelatedTasks
            New ``X``, ``y``, ``task`` and ``expected``; the same truth.
        """
        rng = check_random_state(random_state)
        n_tasks, n_features = self.centre.shape
        task = np.repeat(np.arange(n_tasks, dtype=np.int64), _row_counts(n_rows, n_tasks))
        X = self.centre[task] + rng.standard_normal((len(task), n_features))
        linear = np.einsum("ij,i...j->i...", X, self.coef[task]) + self.intercept[task]
        if self.kind == "regression":
            y = linear + self.noise * rng.standard_normal(len(task))
            return replace(self, X=X, y=y, task=task, expected=linear)
        proba = _probabilities(linear)
        y = np.argmax(rng.random_sample((len(task), 1)) < proba.cumsum(axis=1), axis=1)
        return replace(self, X=X, y=y, task=task, expected=proba)


def make_related_tasks(
    n_tasks: int = 10,
    n_rows: int | Sequence[int] = 50,
    n_features: int = 10,
    *,
    relatedness: float = 0.8,
    outlier_tasks: float = 0,
    covariate_shift: float = 0.0,
    r2: float = 0.5,
    kind: Kind = "regression",
    n_classes: int = 2,
    intercept_spread: float = 1.0,
    random_state: Any = None,
) -> RelatedTasks:
    r"""Draw linear tasks whose slopes share a common part, and keep the truth.

    .. math::
        w_t = s\,\sigma_t \left(\sqrt{\rho}\; c + \sqrt{1 - \rho}\; o_t\right), \qquad
        c, o_1, \dots, o_T \sim N(0, I_d / d),

    so that two tasks' slopes have correlation :math:`\rho` = ``relatedness``; :math:`\sigma_t` is -1 for an
    outlier task and 1 otherwise. Rows are :math:`x \sim N(m_t, I)` with :math:`m_t \sim N(0, \mathrm{shift}^2 I)`,
    and the intercepts are :math:`b_t \sim N(0, \mathrm{spread}^2)`. Regression: :math:`s = 1`,
    :math:`y = x'w_t + b_t + \varepsilon`, with the one noise variance for which the slopes explain the share ``r2``
    of the within-task variance, all tasks together. Classification: y is drawn from the logistic (softmax) model,
    and s is set so that the slopes explain the share ``r2`` of the variance of the latent utility.

    Parameters
    ----------
    n_tasks : int, default=10
        Number of tasks.
    n_rows : int or sequence of int, default=50
        Rows of every task, or of each.
    n_features : int, default=10
        Number of features.
    relatedness : float in [0, 1], default=0.8
        Correlation of two tasks' slopes: 0 = strangers, 1 = the same slopes.
    outlier_tasks : int, or float in [0, 1], default=0
        Number, or share, of tasks whose slopes have their sign turned.
    covariate_shift : float, default=0.0
        Standard deviation of the tasks' means of x, in units of the standard deviation of x inside a task.
    r2 : float in (0, 1), default=0.5
        Share of the variance inside a task that the slopes explain.
    kind : {"regression", "classification"}, default="regression"
        What y is.
    n_classes : int, default=2
        Number of classes.
    intercept_spread : float, default=1.0
        Standard deviation of the intercepts over the tasks; slopes explain variance 1 in regression.
    random_state : int, RandomState instance or None, default=None
        Seed of everything.

    Returns
    -------
    RelatedTasks
        ``X``, ``y``, ``task`` and the truth; ``.frame()`` gives one table, ``.draw(n)`` fresh rows.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    *When not to use it*: as the only proof. Real tasks are not Gaussian, not linear and not exchangeable; the
    shipped tables (:func:`load_heart`, :func:`load_parkinsons`, :func:`load_sentences`) are there for that.

    Examples
    --------
    >>> from crosstask.datasets import make_related_tasks
    >>> tasks = make_related_tasks(n_tasks=3, n_rows=[20, 40, 80], outlier_tasks=1, random_state=0)
    >>> tasks.X.shape, int(tasks.outlier.sum()), round(tasks.noise, 2)
    ((140, 10), 1, 1.19)
    """
    _check_ranges(n_tasks, n_features, relatedness, outlier_tasks, r2, kind, n_classes)
    counts = _row_counts(n_rows, n_tasks)
    rng = check_random_state(random_state)
    shape = (n_features,) if kind == "regression" or n_classes == 2 else (n_classes, n_features)
    common = rng.standard_normal(shape)
    own = rng.standard_normal((n_tasks, *shape))
    coef = (np.sqrt(relatedness) * common + np.sqrt(1.0 - relatedness) * own) / np.sqrt(n_features)
    intercept = intercept_spread * rng.standard_normal((n_tasks, *shape[:-1]))
    n_outliers = int(outlier_tasks) if isinstance(outlier_tasks, Integral) else round(outlier_tasks * n_tasks)
    outlier = np.zeros(n_tasks, dtype=bool)
    outlier[rng.permutation(n_tasks)[:n_outliers]] = True
    coef[outlier] *= -1.0
    centre = covariate_shift * rng.standard_normal((n_tasks, n_features))
    explained = float(np.mean(np.sum(coef**2, axis=-1)))
    noise = float("nan")
    if kind == "regression":
        noise = float(np.sqrt(explained * (1.0 - r2) / r2))
    else:
        # variance of the logistic distribution, or of one Gumbel utility when there are several classes
        latent = np.pi**2 / (3.0 if n_classes == 2 else 6.0)
        coef *= np.sqrt(r2 / (1.0 - r2) * latent / explained)
    nothing = np.empty(0)
    truth = RelatedTasks(
        nothing, nothing, np.empty(0, dtype=np.int64), coef, intercept, outlier, centre, noise, nothing, kind
    )
    return truth.draw(counts, random_state=rng)


def _row_counts(n_rows: int | Sequence[int], n_tasks: int) -> list[int]:
    counts = [int(n_rows)] * n_tasks if isinstance(n_rows, Integral) else [int(n) for n in n_rows]  # type: ignore[union-attr]
    if len(counts) != n_tasks:
        raise ValueError(
            f"n_rows has {len(counts)} entries for {n_tasks} tasks: give one number, or one for each task."
        )
    if min(counts) < 1:
        raise ValueError(f"n_rows holds {min(counts)}: every task needs at least one row.")
    return counts


def _probabilities(linear: Floats) -> Floats:
    """Class probabilities of the linear predictor, of shape (n_rows,) for two classes or (n_rows, n_classes)."""
    from scipy.special import softmax

    if linear.ndim == 1:
        linear = np.column_stack([np.zeros_like(linear), linear])
    return softmax(linear, axis=1)


def _check_ranges(
    n_tasks: int, n_features: int, relatedness: float, outlier_tasks: float, r2: float, kind: str, n_classes: int
) -> None:
    if n_tasks < 1 or n_features < 1:
        raise ValueError(f"n_tasks={n_tasks} and n_features={n_features}: both must be at least 1.")
    if not 0.0 <= relatedness <= 1.0:
        raise ValueError(f"relatedness={relatedness} is a correlation: give a number from 0 to 1.")
    if not 0 <= outlier_tasks <= (n_tasks if isinstance(outlier_tasks, Integral) else 1):
        raise ValueError(f"outlier_tasks={outlier_tasks}: give a number of tasks up to {n_tasks}, or a share up to 1.")
    if not 0.0 < r2 < 1.0:
        raise ValueError(f"r2={r2} is a share of variance: give a number strictly between 0 and 1.")
    if kind not in {"regression", "classification"}:
        raise ValueError(f"kind={kind!r} is unknown: use 'regression' or 'classification'.")
    if n_classes < 2:
        raise ValueError(f"n_classes={n_classes}: a classification needs at least 2 classes.")

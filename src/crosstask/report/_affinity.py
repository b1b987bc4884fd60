"""The heat map of who helps whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LABELLED = 60  # more tasks than these are drawn without their names, so that none overlap


@dataclass(frozen=True)
class AffinityDisplay:
    """Gains of all ordered pairs as a heat map.

    Parameters
    ----------
    affinity : TaskAffinity
        From :func:`crosstask.task_affinity`.
    """

    affinity: Any

    def frame(self) -> pd.DataFrame:
        """Return the gains, sources by targets, in the order in which they are drawn."""
        import pandas as pd

        order = self.affinity.order()
        names = self.affinity.tasks[order]
        table = pd.DataFrame(self.affinity.gain[np.ix_(order, order)], index=names, columns=names)
        return table.rename_axis(index="source", columns="target")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw sources by targets: blue helps, red harms, hatched where the gain is within its error.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure otherwise (``ax.figure``).

        Returns
        -------
        matplotlib Axes
        """
        from matplotlib import colormaps
        from matplotlib.figure import Figure

        table, order = self.frame(), self.affinity.order()
        T = len(table)
        side = 3.2 + 0.3 * min(T, 16)
        ax = Figure(figsize=(side + 1.2, side), layout="constrained").subplots() if ax is None else ax
        gain = 100.0 * table.to_numpy()
        most = max(float(np.nanquantile(np.abs(gain), 0.9)), 1.0) if T > 1 else 1.0
        error = 100.0 * self.affinity.error[np.ix_(order, order)]
        unclear = np.nan_to_num(np.abs(gain)) < 1.96 * np.nan_to_num(error)
        colours = colormaps["RdBu"].with_extremes(bad="0.85")
        image = ax.imshow(np.ma.masked_invalid(gain), cmap=colours, vmin=-most, vmax=most, interpolation="nearest")
        image.set_alpha(np.where(unclear, 0.45, 1.0))
        if T <= LABELLED:
            _hatch(ax, unclear)
        _name(ax, [str(name) for name in table.index])
        figure: Any = ax.figure
        bar = figure.colorbar(image, ax=ax, shrink=0.8, extend="both")
        bar.set_label("gain of the target, % of its own loss (pale: within its error)")
        return ax


def _hatch(ax: Axes, cells: np.ndarray) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    patches = [Rectangle((column - 0.5, row - 0.5), 1.0, 1.0) for row, column in np.argwhere(cells)]
    ax.add_collection(PatchCollection(patches, facecolor="none", edgecolor="0.55", linewidth=0.0, hatch="////"))


def _name(ax: Axes, names: list[str]) -> None:
    ax.set_xlabel("target: who is helped")
    ax.set_ylabel("source: who helps")
    if len(names) > LABELLED:
        ax.set_xticks([])
        ax.set_yticks([])
        return
    size = 9 if len(names) <= 20 else 6
    slant, end = (90, "center") if len(names) > 6 else (30, "right")
    ax.set_xticks(range(len(names)), names, rotation=slant, fontsize=size, horizontalalignment=end)
    ax.set_yticks(range(len(names)), names, fontsize=size)

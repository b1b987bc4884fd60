"""The figures of the report for a notebook or a paper: each with its numbers as a frame, and a plot by matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crosstask.report._collect import collect
from crosstask.report._data import CoefficientTable, ReportData

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

TONES = {"share": "#0b6fb8", "blend": "#2f9e8f", "alone": "#c8500a", "borrowed": "#8c5aa8"}
MARKS = {"share": "o", "blend": "D", "alone": "s", "borrowed": "v"}
STACK = ("#d9713a", "#2b6cb0", "#5fb3d9", "#2a8f7b", "#b7a43a", "#8f6bb3", "#7d8a3c", "#a9adb3")
LABELLED = 60  # more tasks than these are drawn without their names, so that none overlap


def _data(model: Any) -> ReportData:
    return model if isinstance(model, ReportData) else collect(model)


def _axes(ax: Axes | None, rows: int) -> Axes:
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    height = 1.2 + 0.28 * min(max(rows, 3), LABELLED)
    return Figure(figsize=(7.0, height), layout="constrained").subplots()


def _name_rows(ax: Axes, names: list[str]) -> None:
    ax.set_ylim(len(names) - 0.5, -0.5)
    if len(names) <= LABELLED:
        ax.set_yticks(range(len(names)), names)
    else:
        ax.set_yticks([])
        ax.set_ylabel(f"{len(names)} tasks")
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)


@dataclass(frozen=True)
class GainDisplay:
    """Gain of each task over its own model, with intervals.

    Parameters
    ----------
    data : ReportData
        As :func:`collect` reads it.
    """

    data: ReportData

    @classmethod
    def from_model(cls, model: Any) -> GainDisplay:
        """Read a fitted CrossTaskRegressor or CrossTaskClassifier."""
        return cls(_data(model))

    def frame(self) -> pd.DataFrame:
        """Return task, rows, own and guarded loss, gain with its interval and verdict, largest gain first."""
        import pandas as pd

        names = ("name", "rows", "own_loss", "guarded_loss", "gain", "low", "high", "code")
        table = pd.DataFrame([{name: getattr(task, name) for name in names} for task in self.data.tasks])
        table = table.rename(columns={"name": "task"})
        return table.sort_values("gain", ascending=False, ignore_index=True)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a dot with its interval for each task.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure otherwise (``ax.figure``).

        Returns
        -------
        matplotlib Axes
        """
        table = self.frame()
        ax = _axes(ax, len(table))
        ax.axvline(0.0, color="0.55", linewidth=1)
        for code, rows in table.groupby("code", sort=False):
            where, tone = rows.index.to_numpy(), TONES[str(code)]
            ax.hlines(where, 100 * rows["low"], 100 * rows["high"], color=tone, alpha=0.55, linewidth=2)
            ax.plot(100 * rows["gain"], where, MARKS[str(code)], color=tone, markersize=5, label=str(code))
        _name_rows(ax, [str(name) for name in table["task"]])
        ax.set_xlabel(f"reduction of the {self.data.loss} against the own model (%)")
        ax.legend(frameon=False)
        return ax


@dataclass(frozen=True)
class WeightsDisplay:
    """Guard weights of each task.

    Parameters
    ----------
    data : ReportData
        As :func:`collect` reads it.
    """

    data: ReportData

    @classmethod
    def from_model(cls, model: Any) -> WeightsDisplay:
        """Read a fitted CrossTaskRegressor or CrossTaskClassifier."""
        return cls(_data(model))

    def frame(self) -> pd.DataFrame:
        """Return the weights, tasks by candidates, the own model first."""
        import pandas as pd

        names = list(self.data.candidates)
        table = pd.DataFrame([task.weights for task in self.data.tasks], columns=names)
        table.index = pd.Index([task.name for task in self.data.tasks], name="task")
        return table[sorted(names, key=lambda name: name != self.data.own)]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a stacked bar for each task; see :meth:`GainDisplay.plot` for ``ax``."""
        table = self.frame()
        if len(table):
            table = table.sort_values(table.columns[0], ascending=False)
        ax = _axes(ax, len(table))
        start = np.zeros(len(table))
        for position, name in enumerate(table.columns):
            width = table[name].to_numpy()
            tone = STACK[position % len(STACK)]
            ax.barh(np.arange(len(table)), width, left=start, color=tone, height=0.75, label=str(name))
            start = start + width
        _name_rows(ax, [str(name) for name in table.index])
        ax.set_xlim(0.0, 1.0)
        ax.set_xlabel("weight")
        ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
        return ax


@dataclass(frozen=True)
class CoefficientsDisplay:
    """Coefficients of an exactly linear model, as a forest plot.

    Parameters
    ----------
    table : CoefficientTable
        As :func:`collect` reads it from a model with ``candidates="linear"``.
    """

    table: CoefficientTable

    @classmethod
    def from_model(cls, model: Any) -> CoefficientsDisplay:
        """Read a fitted model with ``candidates="linear"``.

        Raises
        ------
        ValueError
            If the model is not linear.
        """
        table = _data(model).coefficients
        if table is None:
            raise ValueError("the model is not linear: fit it with candidates='linear' to see coefficients.")
        return cls(table)

    def frame(self) -> pd.DataFrame:
        """Return feature, task, value, low, high and shared."""
        import pandas as pd

        table, (n_tasks, n_features) = self.table, self.table.value.shape
        unknown = np.full(table.value.shape, np.nan)
        shared = unknown[0] if table.shared is None else table.shared
        return pd.DataFrame(
            {
                "feature": np.repeat(table.features, n_tasks),
                "task": np.tile(table.tasks, n_features),
                "value": table.value.T.ravel(),
                "low": (unknown if table.low is None else table.low).T.ravel(),
                "high": (unknown if table.high is None else table.high).T.ravel(),
                "shared": np.repeat(shared, n_tasks),
            }
        )

    def plot(self, ax: Axes | None = None, *, most: int = 20) -> Axes:
        """Draw the strongest features: each task's value with its interval, and the shared value as a diamond.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw.
        most : int, default=20
            Number of features.

        Returns
        -------
        matplotlib Axes
        """
        table = self.table
        scale = np.ones(len(table.features)) if table.scale is None else table.scale
        value = table.value * scale
        chosen = np.argsort(-np.abs(value).max(axis=0), kind="stable")[:most]
        ax = _axes(ax, 2 * len(chosen))
        ax.axvline(0.0, color="0.55", linewidth=1)
        few = len(table.tasks) <= 6
        lanes = np.linspace(-0.3, 0.3, len(table.tasks)) if few else np.zeros(len(table.tasks))
        for t, task in enumerate(table.tasks):
            at = np.arange(len(chosen)) + lanes[t]
            tone = STACK[t % len(STACK)] if few else TONES["share"]
            if few and table.low is not None and table.high is not None:
                low, high = (table.low * scale)[t, chosen], (table.high * scale)[t, chosen]
                ax.hlines(at, low, high, color=tone, alpha=0.55)
            label = task if few else None
            ax.plot(value[t, chosen], at, "o", color=tone, alpha=1.0 if few else 0.35, markersize=4, label=label)
        if table.shared is not None:
            shared = (table.shared * scale)[chosen]
            ax.plot(shared, np.arange(len(chosen)), "D", color="black", markersize=5, label="shared")
        _name_rows(ax, [table.features[j] for j in chosen])
        ax.set_xlabel("effect" if table.scale is None else "effect per standard deviation")
        ax.legend(frameon=False)
        return ax


@dataclass(frozen=True)
class CalibrationDisplay:
    """Predicted probabilities beside observed shares.

    Parameters
    ----------
    data : ReportData
        As :func:`collect` reads it.
    """

    data: ReportData

    @classmethod
    def from_model(cls, model: Any) -> CalibrationDisplay:
        """Read a fitted CrossTaskClassifier.

        Raises
        ------
        ValueError
            If the model predicts no probabilities.
        """
        data = _data(model)
        if not data.calibration:
            raise ValueError("there is no calibration to show: it is measured for classification only.")
        return cls(data)

    def frame(self) -> pd.DataFrame:
        """Return class, predicted, observed and count of each bin."""
        import pandas as pd

        rows = [
            (one.name, predicted, observed, count)
            for one in self.data.calibration
            for predicted, observed, count in zip(one.predicted, one.observed, one.count, strict=True)
        ]
        return pd.DataFrame(rows, columns=["class", "predicted", "observed", "count"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the bins beside the line on which they would lie; see :meth:`GainDisplay.plot` for ``ax``."""
        ax = _axes(ax, 12)
        ax.plot([0, 1], [0, 1], "--", color="0.6", linewidth=1)
        for name, rows in self.frame().groupby("class", sort=False):
            ax.plot(rows["predicted"], rows["observed"], "o-", markersize=4, label=str(name))
        ax.set_xlabel("predicted probability")
        ax.set_ylabel("observed share")
        ax.legend(frameon=False)
        return ax

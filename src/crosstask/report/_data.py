"""What a report shows, in plain values: the page is a pure function of this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosstask.report._advised import Advised
from crosstask.report._shrinkage import Shrinkage

Code = Literal["share", "blend", "alone", "borrowed"]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class TaskResult:
    """One task: what sharing did for it.

    Parameters
    ----------
    name : str
        Task id.
    rows : int
        Rows it was fitted on.
    target : float or None
        Mean of the target, or share of the positive class; None with more than two classes.
    code : {"share", "blend", "alone", "borrowed"}
        The verdict.
    reason : str
        The verdict in words.
    own_loss, guarded_loss : float
        Mean out-of-fold loss of the task's own model and of the guarded one.
    gain, low, high : float
        Relative reduction of the loss, (own - guarded) / own, with its interval; NaN where it is unknown.
    weights, losses : tuple of float
        Guard weight and mean out-of-fold loss of each candidate.
    """

    name: str
    rows: int
    target: float | None
    code: Code
    reason: str
    own_loss: float
    guarded_loss: float
    gain: float
    low: float
    high: float
    weights: tuple[float, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class CoefficientTable:
    """Coefficients of an exactly linear model.

    Parameters
    ----------
    features, tasks : tuple of str
        Names of the d features and the T tasks.
    value : ndarray of shape (T, d)
        Coefficients.
    low, high : ndarray of shape (T, d) or None
        Their intervals.
    shared : ndarray of shape (d,) or None
        The value shared by all tasks.
    scale : ndarray of shape (d,) or None
        Standard deviation of each feature: effects of all features are drawn on one axis, per standard deviation.
    odds : bool
        Whether exp(value) is an odds ratio.
    """

    features: tuple[str, ...]
    tasks: tuple[str, ...]
    value: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None
    shared: FloatArray | None = None
    scale: FloatArray | None = None
    odds: bool = False


@dataclass(frozen=True)
class Calibration:
    """Predicted probabilities of one class beside what was observed, in bins.

    Parameters
    ----------
    name : str
        The class.
    predicted, observed : tuple of float
        Mean predicted probability and observed share in each bin.
    count : tuple of int
        Rows in each bin.
    """

    name: str
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    count: tuple[int, ...]


@dataclass(frozen=True)
class Column:
    """One column of the table that was read.

    Parameters
    ----------
    name, kind : str
        Its name, and how it was read.
    missing : float
        Share of the rows without a value.
    note : str
        What else there is to say, such as the categories.
    """

    name: str
    kind: str
    missing: float
    note: str = ""


@dataclass(frozen=True)
class HeldOutScores:
    """Scores of one task, or of the mean task, on rows that were kept out of the whole fit.

    Parameters
    ----------
    name : str
        Task id.
    rows : int
        Rows held out.
    own_loss, guarded_loss : float
        Mean log loss of the task's own model and of the guarded one.
    gain, low, high : float
        Relative reduction of the loss, (own - guarded) / own, with its interval.
    own_auc, guarded_auc : float
        Area under the ROC curve; NaN where the rows are of one class.
    """

    name: str
    rows: int
    own_loss: float
    guarded_loss: float
    gain: float
    low: float
    high: float
    own_auc: float
    guarded_auc: float


@dataclass(frozen=True)
class HeldOut:
    """The test on rows that neither the guarded model nor the own models have seen.

    Parameters
    ----------
    drawn : str
        How the rows of the fit were chosen, as a sentence.
    row_word : str
        What a row is, in the plural.
    tasks : tuple of HeldOutScores
        By task.
    mean : HeldOutScores
        Means over the tasks; ``rows`` is their sum, and the gain compares the mean losses.
    """

    drawn: str
    row_word: str
    tasks: tuple[HeldOutScores, ...]
    mean: HeldOutScores


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows.

    Parameters
    ----------
    kind : {"regression", "classification"}
        What was predicted.
    target, task_word : str
        Name of the target, and what a task is called (the task column).
    loss : str
        Name of the loss.
    mode : str
        The guard's mode.
    tasks : tuple of TaskResult
        In the order of the verdict.
    candidates : tuple of str
        Names, in the order of the weights.
    own : str
        The candidate that is each task's own model.
    columns : tuple of Column
        As the table was read, without task and target.
    coefficients : CoefficientTable or None
        For linear models.
    shrinkage : Shrinkage or None
        Own slopes and those that are used, where the own model has slopes.
    calibration : tuple of Calibration
        For classification.
    findings : tuple of (str, str)
        Code and sentence of everything that a reader should mind.
    held_out : HeldOut or None
        Scores on rows kept out of the fit, where some were.
    borrowed : tuple of (str, str)
        Code and sentence for every column in which some tasks have nothing of their own to learn from.
    reproduce : str
        Python lines that fit the same model.
    versions : mapping
        Of the packages.
    seconds : mapping
        By step or candidate.
    advised : Advised or None
        What `advise` found, where it was asked.
    made : str
        Date and time, as text; the page asks no clock.
    """

    kind: Literal["regression", "classification"]
    target: str
    task_word: str
    loss: str
    mode: str
    tasks: tuple[TaskResult, ...]
    candidates: tuple[str, ...]
    own: str
    columns: tuple[Column, ...] = ()
    coefficients: CoefficientTable | None = None
    shrinkage: Shrinkage | None = None
    calibration: tuple[Calibration, ...] = ()
    findings: tuple[tuple[str, str], ...] = ()
    borrowed: tuple[tuple[str, str], ...] = ()
    held_out: HeldOut | None = None
    reproduce: str = ""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    made: str = ""
    advised: Advised | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows of all tasks."""
        return sum(task.rows for task in self.tasks)

"""What a fitted model knows about its tasks, as a page and as pictures."""

from crosstask.report._advised import Advised, Compared
from crosstask.report._affinity import AffinityDisplay
from crosstask.report._collect import collect
from crosstask.report._curve import Curve
from crosstask.report._data import Calibration, CoefficientTable, Column, HeldOut, HeldOutScores, ReportData, TaskResult
from crosstask.report._displays import CalibrationDisplay, CoefficientsDisplay, GainDisplay, WeightsDisplay
from crosstask.report._page import render, render_partial, render_target, write_report
from crosstask.report._target import Source, TargetReport, Way, collect_target
from crosstask.report._who import WhoHelps

__all__ = [
    "Advised",
    "AffinityDisplay",
    "Calibration",
    "CalibrationDisplay",
    "CoefficientTable",
    "CoefficientsDisplay",
    "Column",
    "Compared",
    "Curve",
    "GainDisplay",
    "HeldOut",
    "HeldOutScores",
    "ReportData",
    "Source",
    "TargetReport",
    "TaskResult",
    "Way",
    "WeightsDisplay",
    "WhoHelps",
    "collect",
    "collect_target",
    "render",
    "render_partial",
    "render_target",
    "write_report",
]

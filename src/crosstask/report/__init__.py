"""What a fitted model knows about its tasks, as a page and as pictures."""

from crosstask.report._affinity import AffinityDisplay
from crosstask.report._collect import collect
from crosstask.report._data import Calibration, CoefficientTable, Column, HeldOut, HeldOutScores, ReportData, TaskResult
from crosstask.report._displays import CalibrationDisplay, CoefficientsDisplay, GainDisplay, WeightsDisplay
from crosstask.report._page import render, write_report

__all__ = [
    "AffinityDisplay",
    "Calibration",
    "CalibrationDisplay",
    "CoefficientTable",
    "CoefficientsDisplay",
    "Column",
    "GainDisplay",
    "HeldOut",
    "HeldOutScores",
    "ReportData",
    "TaskResult",
    "WeightsDisplay",
    "collect",
    "render",
    "write_report",
]

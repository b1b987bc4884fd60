"""Reading a fitted flagship into the plain values of a report."""

from __future__ import annotations

from typing import Any

from crosstask.report._data import ReportData


def collect(model: Any) -> ReportData:
    """Read everything that a report shows from a fitted CrossTaskRegressor or CrossTaskClassifier."""
    raise NotImplementedError(type(model).__name__)

"""Figures for a notebook: numbers as a frame, and a plot that draws them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from crosstask.report import (
    CalibrationDisplay,
    CoefficientsDisplay,
    GainDisplay,
    ReportData,
    WeightsDisplay,
)

Make = Callable[..., ReportData]
ALL = (GainDisplay, WeightsDisplay, CoefficientsDisplay, CalibrationDisplay)


@pytest.mark.parametrize("display", ALL, ids=lambda display: display.__name__)
@pytest.mark.parametrize("n_tasks", [1, 4, 139])
def test_each_draws_on_new_and_on_given_axes(display: Any, n_tasks: int, report_data: Make) -> None:
    from matplotlib.figure import Figure

    shown = display.from_model(report_data(n_tasks))
    assert len(shown.frame()) > 0
    ax = shown.plot()
    ax.figure.canvas.draw()
    given = Figure().subplots()
    assert shown.plot(given) is given


def test_no_two_names_of_tasks_overlap(report_data: Make) -> None:
    for n_tasks in (4, 42, 139):
        ax = GainDisplay.from_model(report_data(n_tasks)).plot()
        ax.figure.canvas.draw()
        boxes = [label.get_window_extent() for label in ax.get_yticklabels() if label.get_text()]
        for above, below in pairwise(boxes):
            assert above.y0 >= below.y1 - 1 or below.y0 >= above.y1 - 1


def test_frames_hold_the_numbers(report_data: Make) -> None:
    data = report_data(4)
    gains = GainDisplay.from_model(data).frame()
    assert gains["gain"].is_monotonic_decreasing
    weights = WeightsDisplay.from_model(data).frame()
    assert weights.columns[0] == "own"
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    table = data.coefficients
    assert table is not None
    frame = CoefficientsDisplay.from_model(data).frame()
    one = frame[(frame["feature"] == "oldpeak") & (frame["task"] == "hungary")]
    assert one["value"].item() == table.value[1, 6]
    assert one["shared"].item() == table.shared[6]  # type: ignore[index]


def test_what_a_model_lacks_is_said(report_data: Make) -> None:
    with pytest.raises(ValueError, match="candidates='linear'"):
        CoefficientsDisplay.from_model(report_data(4, linear=False))
    with pytest.raises(ValueError, match="for classification only"):
        CalibrationDisplay.from_model(report_data(4, classification=False))

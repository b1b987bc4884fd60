"""Sentences, numbers and places on the page say what the data say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binomtest

from crosstask.report import HeldOut, HeldOutScores, ReportData
from crosstask.report._figures import forest_figure, gain_figure, weights_figure, wilson
from crosstask.report._scale import Formatter, Scale, gain_text, interval_text, listed, loss_text, round_numbers
from crosstask.report._tables import held_out_table, row_bars, score_table
from crosstask.report._words import brief, headline, held_out_sentence, lead, plural, summary

Make = Callable[..., ReportData]


def _coded(data: ReportData, *codes: str) -> ReportData:
    tasks = tuple(replace(task, code=code) for task, code in zip(data.tasks, codes, strict=True))
    return replace(data, tasks=tasks)


def test_headlines(report_data: Make) -> None:
    vague = report_data(4)
    vague = replace(vague, tasks=tuple(replace(task, low=-0.1, high=0.2) for task in vague.tasks))
    said = headline(_coded(vague, "share", "blend", "share", "borrowed"))
    assert said == "All 4 hospitals may share, though none gains clearly."
    said = headline(_coded(vague, "share", "alone", "share", "borrowed"))
    assert said == "3 of 4 hospitals may share, though none gains clearly; hungary is best left alone."
    clear = HeldOutScores("mean", 800, 0.48, 0.44, 0.08, 0.02, 0.14, 0.7, 0.8)
    proof = HeldOut("Drawn.", "patients", (replace(clear, low=-0.1),) * 4, clear)
    tested = replace(_coded(vague, "share", "alone", "share", "borrowed"), held_out=proof)
    assert headline(tested) == "3 of 4 hospitals may share: on average they gain clearly; hungary is best left alone."
    unclear = replace(proof, mean=replace(clear, low=-0.1))
    assert "none gains clearly" in headline(replace(tested, held_out=unclear))
    one_gains = replace(unclear, tasks=(clear, *unclear.tasks[1:]))
    assert headline(replace(_coded(vague, *["share"] * 4), held_out=one_gains)) == (
        "All 4 hospitals may share: 1 gains clearly."
    )
    one_loses = replace(unclear, tasks=(clear, clear, replace(clear, low=-0.2, high=-0.1), unclear.tasks[0]))
    assert headline(replace(_coded(vague, *["share"] * 4), held_out=one_loses)) == (
        "All 4 hospitals may share: 2 gain clearly, 1 loses clearly."
    )
    data = replace(vague, tasks=tuple(replace(task, low=0.1) for task in vague.tasks))
    assert headline(_coded(data, "share", "blend", "share", "borrowed")) == "All 4 hospitals learn from the others."
    assert headline(_coded(data, *["alone"] * 4)) == "Leave all 4 hospitals alone: sharing helps none of them."
    said = headline(_coded(data, "alone", "share", "share", "alone"))
    assert said == "2 of 4 hospitals learn from the others; cleveland and switzerland are best left alone."
    assert "There is one hospital only" in headline(replace(data, tasks=data.tasks[:1]))


def test_the_lead_is_of_unseen_rows_where_there_are_any(report_data: Make) -> None:
    data = report_data(4)
    assert lead(data) == summary(data)
    assert summary(data).startswith("On rows held out from fitting")
    scores = HeldOutScores("mean", 800, 0.48, 0.44, 0.08, 0.02, 0.14, 0.7, 0.8)
    tested = replace(data, held_out=HeldOut("Drawn.", "patients", (scores,) * 4, scores))
    assert lead(tested) == held_out_sentence(tested)
    assert summary(tested).startswith("On rows held out by the folds of the fit")


def test_the_summary_counts_the_clear_ones(report_data: Make) -> None:
    data = report_data(4)
    gains = [(0.1, 0.05, 0.15), (0.2, -0.1, 0.5), (-0.1, -0.2, -0.01), (0.0, math.nan, math.nan)]
    tasks = tuple(
        replace(task, own_loss=1.0, guarded_loss=1 - gain, gain=gain, low=low, high=high)
        for task, (gain, low, high) in zip(data.tasks, gains, strict=True)
    )
    said = summary(replace(data, tasks=tasks))
    assert "is 5 % lower than" in said
    assert "(0.950 against 1.00," in said
    assert "1 gains clearly, 1 loses clearly; for the rest the interval" in said
    worse = tuple(replace(task, guarded_loss=1.1) for task in tasks)
    assert "is 10 % higher than" in summary(replace(data, tasks=worse))
    same = tuple(replace(task, guarded_loss=1.0) for task in tasks)
    assert "is the same as" in summary(replace(data, tasks=same))
    unknown = tuple(replace(task, own_loss=math.nan) for task in tasks)
    assert "no gain to show" in summary(replace(data, tasks=unknown))


@pytest.mark.parametrize(
    ("word", "many"),
    [("hospital", "hospitals"), ("city", "cities"), ("bus", "buses"), ("shop id", "tasks"), ("País", "tasks")],
)
def test_plurals(word: str, many: str) -> None:
    assert plural(word, 2) == many


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.083, "+8 %"), (-0.004, "−0.4 %"), (0.0, "0 %"), (0.00001, "0 %"), (1.5, "+150 %"), (math.nan, "–")],
)
def test_gains_in_words(value: float, said: str) -> None:
    assert gain_text(value) == said


def test_losses_and_intervals_in_words() -> None:
    said = [loss_text(value) for value in (0.42918, 0.0, 123.456, 1.2e9, 3e-7)]
    assert said == ["0.429", "0", "123", "1.20e+09", "3.00e−07"]
    assert interval_text(-0.02, 0.1) == "−2 to +10 %"
    assert interval_text(math.nan, 0.1) == "interval unknown"
    assert Formatter(digits=2)(-1.25) in ("−1.2", "−1.3")
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([str(i) for i in range(10)], 4) == "0, 1, 2 and 7 others"


@pytest.mark.parametrize(("low", "high"), [(-0.3, 0.2), (-1e-6, 1e-6), (0.0, 1e9), (-0.011, 0.97), (-3.0, -2.9)])
def test_round_numbers_are_round_few_and_inside(low: float, high: float) -> None:
    places = round_numbers(low, high)
    assert 1 <= len(places) <= 5
    assert all(low - 1e-12 <= place <= high + 1e-9 for place in places)
    steps = np.diff(places)
    if len(steps):
        np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
        leading = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
        assert min(abs(leading - nice) for nice in (1, 2, 5, 10)) < 1e-6


def test_a_scale_is_linear_and_clips() -> None:
    scale = Scale(-1.0, 3.0)
    assert [scale.at(x) for x in (-1.0, 0.0, 1.0, 3.0, 9.0, -9.0)] == [0.0, 25.0, 50.0, 100.0, 100.0, 0.0]
    around = Scale.around([0.1, 0.2, math.nan])
    assert around.low < 0 < 0.2 < around.high


def test_a_gain_beyond_the_drawing_gets_an_arrow(report_data: Make) -> None:
    data = report_data(4)
    wild = replace(data.tasks[0], gain=-0.5, low=-40.0, high=-0.1)
    figure = gain_figure(replace(data, tasks=(wild, *data.tasks[1:])))
    mark = next(row.mark for row in figure.rows if row.task is wild)
    assert (mark.cut_low, mark.cut_high, mark.low) == (True, False, 0.0)
    unknown = replace(data.tasks[0], gain=math.nan, low=math.nan, high=math.nan)
    last = gain_figure(replace(data, tasks=(unknown, *data.tasks[1:]))).rows[-1]
    assert last.task is unknown
    assert not last.mark.known
    assert not last.mark.dot


def test_gains_are_sorted_and_in_proportion(report_data: Make) -> None:
    figure = gain_figure(report_data(42))
    gains = [row.task.gain for row in figure.rows]
    assert gains == sorted(gains, reverse=True)
    inner = [(row.task.gain, row.mark.at) for row in figure.rows if row.mark.dot]
    slope, zero = np.polyfit(*zip(*inner, strict=True), 1)
    assert slope > 0
    assert zero == pytest.approx(figure.zero, abs=0.1)


def test_stacked_weights_fill_the_bar_own_first(report_data: Make) -> None:
    data = report_data(4)
    figure = weights_figure(data)
    assert figure.legend[0][:2] == ("own", "own")
    own = [next(task.weights[1] for task in data.tasks if task.name == name) for name, _, _ in figure.rows]
    assert own == sorted(own, reverse=True)
    for _, parts, _ in figure.rows:
        assert sum(part.width for part in parts) == pytest.approx(100.0, abs=0.4)
        for before, after in pairwise(parts):
            assert after.start == pytest.approx(before.start + before.width, abs=0.1)


def test_the_best_candidate_of_each_task_is_marked(report_data: Make) -> None:
    data = report_data(42)
    table = score_table(data)
    assert table.header[-1] == "guarded"
    for (_, cells), task in zip(table.rows, data.tasks, strict=True):
        marked = [c for c, cell in enumerate(cells) if cell.best]
        assert marked == [int(np.argmin(task.losses))]
    wins = [int(cells[3].text) for _, cells in table.summary[:-1]]
    assert sum(wins) == 42
    means = np.mean([task.losses for task in data.tasks], axis=0)
    assert [cells[0].best for _, cells in table.summary[:-1]].count(True) <= 1
    assert table.summary[0][1][0].text == loss_text(float(means[0]))


def test_the_forest_draws_the_strongest_first_per_standard_deviation(report_data: Make) -> None:
    table = report_data(4).coefficients
    assert table is not None
    scale = np.ones(10)
    scale[3] = 1000.0
    figure = forest_figure(replace(table, scale=scale))
    assert figure.rows[0].feature == table.features[3]
    assert not figure.strips
    assert forest_figure(replace(table, scale=None)).common_axis is False
    many = report_data(139).coefficients
    assert many is not None
    strips = forest_figure(many)
    assert strips.strips
    assert all(row.band is not None and row.shared is not None for row in strips.rows)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 10), (50, 100), (7, 7)])
def test_wilson_agrees_with_scipy(k: int, n: int) -> None:
    expected = binomtest(k, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(k / n, n, z=1.959964), expected, atol=1e-6)


def test_findings_of_one_kind_are_counted_beyond_a_few() -> None:
    findings = (*[("zeros", f"Column {i}.") for i in range(9)], ("level", "Levels."))
    said = brief(findings)
    assert said[:4] == ["Column 0.", "Column 1.", "Column 2.", "Column 3."]
    assert said[4:] == ["5 more findings of this kind are in the model's findings_.", "Levels."]


def test_tasks_of_one_size_are_said_once(report_data: Make) -> None:
    tasks = tuple(replace(task, rows=30) for task in report_data(4).tasks)
    assert row_bars(report_data(4, tasks=tasks)).said == "4 tasks with 30 rows each"


def test_the_sentence_on_rows_held_out(report_data: Make) -> None:
    gains = [(0.2, 0.1, 0.3), (0.1, -0.1, 0.3), (-0.1, -0.2, -0.05)]
    scores = [HeldOutScores(f"ward {i}", 100, 0.5, 0.4, *gain, 0.7, 0.8) for i, gain in enumerate(gains)]
    mean = HeldOutScores("mean", 300, 0.5, 0.525, -0.05, -0.2, 0.1, 0.7, math.nan)
    held = HeldOut("Drawn.", "patients", tuple(scores), mean)
    assert held_out_sentence(report_data(4, held_out=held)) == (
        "On the 300 patients that neither has seen, the guarded model's mean log loss is 5 % higher than that of each "
        "hospital's own model (0.525 against 0.500, every hospital counting the same). It is lower in 2 of 3 "
        "hospitals: 1 gains clearly, 1 loses clearly."
    )
    assert held_out_table(held)[1][-1] == ["mean", "300", "0.500", "0.525", "−5 %", "−20 to +10 %", "0.700", "–"]

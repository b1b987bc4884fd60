"""Findings: each is said where it is true, and not where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from crosstask.auto._findings import order_finding, table_findings, task_findings
from crosstask.auto._reader import TableReader
from crosstask.datasets import load_heart, load_parkinsons

TASKS = np.array(["a", "b", "c"])


def found(X: np.ndarray, codes: np.ndarray, tasks: np.ndarray = TASKS) -> dict[str, str]:
    return dict(table_findings(X, ["x"], [None], codes, tasks))


@pytest.fixture
def codes() -> np.ndarray:
    return np.repeat(np.arange(3), 40)


def test_zeros_in_the_heart_table_are_reported_and_kept():
    df = load_heart()
    features = df.drop(columns=["hospital", "ill"])
    before = features.copy()
    reader = TableReader().fit(features)
    tasks, codes = np.unique(df["hospital"].to_numpy().astype(str), return_inverse=True)
    sentences = table_findings(reader.transform(features), reader.output_names_, reader.output_levels_, codes, tasks)
    zeros = [sentence for code, sentence in sentences if code == "zeros"]
    assert len(zeros) == 2
    assert "'trestbps' is 0 in 1 rows" in zeros[0]
    assert "'chol' is 0 in 172 rows (all of switzerland" in zeros[1]
    assert features.equals(before)


@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(0).poisson(3.0, 120).astype(float),  # counts: zero is a neighbour of one
        np.random.default_rng(0).exponential(size=120) * (np.arange(120) % 3 > 0),  # rain
        np.random.default_rng(0).normal(size=120),
        np.random.default_rng(0).integers(0, 2, 120).astype(float),
    ],
)
def test_ordinary_zeros_are_not_reported(column, codes):
    assert "zeros" not in found(column[:, None], codes)


def test_columns_that_borrow_are_listed_by_task(codes):
    rng = np.random.default_rng(0)
    absent = np.where(codes == 1, np.nan, rng.normal(size=120))
    assert "wholly missing in b:" in found(absent[:, None], codes)["absent-in-task"]
    flat = np.where(codes == 2, 7.0, rng.normal(size=120))
    assert "one value only in c:" in found(flat[:, None], codes)["constant-in-task"]
    assert not found(rng.normal(size=(120, 1)), codes)


def test_rows_in_order_of_time_are_noticed():
    df = load_parkinsons()
    patients, codes = np.unique(df["patient"] if "patient" in df else df["subject#"], return_inverse=True)
    y = df[df.attrs["target"]].to_numpy()
    assert order_finding(y, codes, len(patients))[0][0] == "ordered-rows"
    shuffled = np.random.default_rng(0).permutation(len(y))
    assert order_finding(y[shuffled], codes[shuffled], len(patients)) == []


@pytest.mark.parametrize("seed", range(20))
def test_noise_and_sorted_tables_are_no_time(seed, codes):
    y = np.random.default_rng(seed).normal(size=120)
    assert order_finding(y, codes, 3) == []
    by_target = np.lexsort((y, codes))
    assert order_finding(y[by_target], codes[by_target], 3) == []
    assert order_finding(np.sort(y > 0).astype(float), np.zeros(120, dtype=int), 1) == []


def test_one_task_in_order_does_not_speak_for_all(codes):
    y = np.random.default_rng(0).normal(size=120)
    y[:40] = np.cumsum(y[:40])
    assert order_finding(y, codes, 3) == []


def test_tasks_of_one_row_or_one_class():
    codes = np.array([0] * 5 + [1] * 5 + [2])
    y = np.array(["yes"] * 5 + ["yes", "no"] * 2 + ["no", "yes"])
    sentences = dict(task_findings(y, codes, TASKS, True))
    assert sentences["one-row-task"].startswith("c:")
    assert sentences["one-class-task"].startswith("a:")
    assert dict(task_findings(np.arange(11.0), codes, TASKS, False)).keys() == {"one-row-task"}

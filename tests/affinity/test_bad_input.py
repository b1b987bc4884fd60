"""What task_affinity cannot take is said in one line that names it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from crosstask import task_affinity


def _rows():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((60, 3)), np.repeat(list("abc"), 20)
    return X, X[:, 0] + rng.standard_normal(60), task


TEXT, GAP = _rows()[0].astype(object), _rows()[0].copy()
TEXT[3, 1], GAP[4, 1] = "red", np.nan


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X": TEXT}, "X has text, dates or the like in column 1, and task_affinity takes numbers"),
        ({"X": GAP}, "Input X contains NaN in column 1, which task_affinity cannot take"),
        ({"X": np.ones((60, 2))}, "no column of X varies inside a task"),
        ({"y": np.zeros(50)}, "y has 50 values for 60 rows of X: give one target for each row"),
        ({"y": None}, "task_affinity requires y to be passed"),
        ({"y": np.ones(60)}, "y does not vary inside any task"),
        ({"y": np.full(60, "yes")}, "y has one class only ('yes')"),
        ({"task": np.repeat("a", 50)}, "task= has 50 task ids for 60 rows of X"),
        ({"task": np.repeat("a", 60)}, "there is one only ('a'): give task= or task_column="),
    ],
)
def test_one_line_names_what_was_given_and_who_was_asked(change, words):
    X, y, task = _rows()
    given = {"X": X, "y": y, "task": task} | change
    with pytest.raises(ValueError, match=re.escape(words)) as refused:
        task_affinity(given["X"], given["y"], task=given["task"])
    assert "\n" not in str(refused.value)
    assert "np." not in str(refused.value)

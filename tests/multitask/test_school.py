"""The School data: what published work and our own earlier measurements say must come out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from benchmarks.school import explained_variance

from crosstask.multitask import MultiTaskRegressor

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")) / "school.npz"


@pytest.fixture(scope="module")
def school():
    if not DATA.exists():
        pytest.skip(f"{DATA} is missing: set CROSSTASK_DATA to the folder that holds school.npz")
    data = np.load(DATA)
    return data["X"].astype(float), data["y"].astype(float), data["task"], data["train_mask"].astype(bool)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("coupling", "low", "high"),
    [
        ("independent", (33.8, 19.0), (34.8, 20.5)),
        ("mean_tied", (38.2, 23.8), (39.0, 25.0)),
        ("feature_norm", (36.2, 21.9), (37.0, 23.0)),
    ],
)
def test_explained_variance_on_the_ten_splits(school, coupling, low, high):
    X, y, task, splits = school
    scores = []
    for train in splits:
        model = MultiTaskRegressor(coupling).fit(X[train], y[train], task=task[train])
        assert np.abs(model.coef_[:, 27]).max() < 1e-10  # the constant column
        predicted = model.predict(X[~train], task=task[~train])
        scores.append(explained_variance(y[~train], predicted, task[~train]))
    mean = np.mean(scores, axis=0)
    assert (mean > low).all(), mean
    assert (mean < high).all(), mean


def test_both_definitions_by_hand():
    y, task = np.array([1.0, 3.0, 10.0, 20.0, 5.0]), np.array([0, 0, 1, 1, 2])
    predicted = y + np.array([1.0, 0.0, 0.0, 2.0, 3.0])
    total, own = explained_variance(y, predicted, task)
    assert total == pytest.approx(100 * (1 - np.mean([1, 0, 0, 4, 9]) / y.var()))
    assert own == pytest.approx(100 * np.average([1 - 0.5 / 1.0, 1 - 2.0 / 25.0], weights=[2, 2]))

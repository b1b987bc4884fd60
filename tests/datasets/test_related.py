"""Related tasks have the relatedness, the R2 and the shift that were asked for."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from crosstask.datasets import make_related_tasks


@pytest.mark.parametrize("relatedness", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_relatedness_is_the_correlation_of_two_tasks_slopes(relatedness, kind):
    n_features = 20_000
    tasks = make_related_tasks(
        n_tasks=2, n_rows=1, n_features=n_features, relatedness=relatedness, kind=kind, random_state=0
    )
    found = np.corrcoef(tasks.coef)[0, 1]
    assert found == pytest.approx(relatedness, abs=4 / np.sqrt(n_features))


@pytest.mark.parametrize("r2", [0.1, 0.5, 0.9])
def test_r2_is_the_share_of_the_variance_inside_the_tasks(r2):
    tasks = make_related_tasks(
        n_tasks=20, n_rows=5000, r2=r2, covariate_shift=2.0, intercept_spread=3.0, relatedness=0.4, random_state=1
    )
    within = np.concatenate([tasks.y[tasks.task == t] - tasks.y[tasks.task == t].mean() for t in range(20)])
    residual = tasks.y - tasks.expected
    assert 1 - residual.var() / within.var() == pytest.approx(r2, abs=0.01)
    assert np.mean(residual**2) == pytest.approx(tasks.bayes_loss.mean(), rel=0.02)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_latent_r2_of_a_classification(n_classes):
    tasks = make_related_tasks(
        n_tasks=5, n_rows=100, kind="classification", n_classes=n_classes, r2=0.6, random_state=0
    )
    signal = np.mean(np.sum(tasks.coef**2, axis=-1))
    latent = np.pi**2 / (3 if n_classes == 2 else 6)
    assert signal / (signal + latent) == pytest.approx(0.6)
    assert tasks.coef.shape == ((5, 10) if n_classes == 2 else (5, 3, 10))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_classes_follow_their_stated_probabilities(n_classes):
    tasks = make_related_tasks(
        n_tasks=1, n_rows=100_000, n_features=3, kind="classification", n_classes=n_classes, random_state=3
    )
    assert tasks.expected.sum(axis=1) == pytest.approx(1.0)
    assert log_loss(tasks.y, tasks.expected) == pytest.approx(tasks.bayes_loss[0], rel=0.02)
    fitted = LogisticRegression(C=1e6).fit(tasks.X, tasks.y)
    if n_classes == 2:
        assert fitted.coef_[0] == pytest.approx(tasks.coef[0], abs=0.06)
        assert fitted.intercept_ == pytest.approx(tasks.intercept, abs=0.06)
    else:
        centred = tasks.coef[0] - tasks.coef[0].mean(axis=0)
        assert fitted.coef_ == pytest.approx(centred, abs=0.06)


def test_outlier_tasks_have_their_sign_turned():
    tasks = make_related_tasks(n_tasks=10, n_rows=2, n_features=5000, relatedness=1.0, outlier_tasks=3, random_state=0)
    assert tasks.outlier.sum() == 3
    typical = tasks.coef[~tasks.outlier][0]
    assert (tasks.coef[tasks.outlier] == -typical).all()
    assert (tasks.coef[~tasks.outlier] == typical).all()
    assert make_related_tasks(n_tasks=10, n_rows=2, outlier_tasks=0.2).outlier.sum() == 2


def test_covariate_shift_moves_the_tasks_means_of_x_and_not_their_spread():
    tasks = make_related_tasks(n_tasks=50, n_rows=2000, covariate_shift=2.0, random_state=0)
    means = np.array([tasks.X[tasks.task == t].mean(axis=0) for t in range(50)])
    assert means == pytest.approx(tasks.centre, abs=0.12)
    assert means.std() == pytest.approx(2.0, abs=0.2)
    assert (tasks.X - tasks.centre[tasks.task]).std() == pytest.approx(1.0, abs=0.01)
    assert (make_related_tasks(random_state=0).centre == 0).all()


def test_sizes_may_be_unequal_and_the_frame_says_the_same():
    tasks = make_related_tasks(n_tasks=3, n_rows=[5, 1, 7], n_features=2, random_state=0)
    assert np.bincount(tasks.task).tolist() == [5, 1, 7]
    frame = tasks.frame()
    assert list(frame.columns) == ["task", "x0", "x1", "y"]
    assert (frame["y"].to_numpy() == tasks.y).all()
    assert (frame[["x0", "x1"]].to_numpy() == tasks.X).all()


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_one_seed_gives_one_draw(kind):
    first, second = (make_related_tasks(kind=kind, random_state=7) for _ in range(2))
    for item in fields(first):
        np.testing.assert_array_equal(getattr(first, item.name), getattr(second, item.name))
    other = make_related_tasks(kind=kind, random_state=8)
    assert not np.array_equal(first.X, other.X)


def test_fresh_rows_come_from_the_same_truth():
    tasks = make_related_tasks(n_tasks=4, random_state=0)
    fresh = tasks.draw(10, random_state=0)
    again = tasks.draw(10, random_state=0)
    assert fresh.coef is tasks.coef
    assert len(fresh.y) == 40
    assert (fresh.y == again.y).all()
    assert not np.isin(fresh.X, tasks.X).any()
    expected = np.sum(fresh.X * fresh.coef[fresh.task], axis=1) + fresh.intercept[fresh.task]
    assert fresh.expected == pytest.approx(expected)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"relatedness": 1.5}, "relatedness=1.5 is a correlation"),
        ({"r2": 1.0}, "r2=1.0 is a share of variance"),
        ({"n_rows": [3, 4]}, "n_rows has 2 entries for 10 tasks"),
        ({"n_rows": 0}, "every task needs at least one row"),
        ({"outlier_tasks": 11}, "outlier_tasks=11"),
        ({"outlier_tasks": 2.5}, r"outlier_tasks=2\.5"),
        ({"kind": "ranking"}, "kind='ranking' is unknown"),
        ({"n_classes": 1, "kind": "classification"}, "at least 2 classes"),
        ({"n_tasks": 0}, "both must be at least 1"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_related_tasks(**wrong)

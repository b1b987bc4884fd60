"""Logistic regression by rounds against the fit of all rows in one place."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from crosstask import LogisticCentre, LogisticSite, MultiTaskClassifier, TaskStatistics

LABELS = ["ill", "well"]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    task = np.repeat(["a", "b", "c", "d"], [60, 50, 40, 30])
    place = np.unique(task, return_inverse=True)[1]
    X = rng.normal(size=(180, 3)) * [1.0, 10.0, 0.1] + place[:, None]
    slope = np.array([1.0, 0.05, -5.0]) + 0.3 * rng.normal(size=(4, 3)) * [1.0, 0.1, 10.0]
    z = ((X - X.mean(axis=0)) * slope[place]).sum(axis=1) + rng.normal(size=4)[place]
    y = np.where(rng.random(180) < 1 / (1 + np.exp(-z)), "ill", "well")
    y[task == "d"] = "well"  # a task that lacks a class
    return X, y, task


def split(rows, n_sites=3):
    """Sites that share tasks."""
    X, y, task = rows
    return [LogisticSite(X[k::n_sites], y[k::n_sites], task[k::n_sites], classes=LABELS) for k in range(n_sites)]


def by_rounds(model, sites):
    centre = LogisticCentre(model, [site.summary() for site in sites], classes=LABELS)
    return centre.run(sites), centre


def hashed_folds(rows):
    X, y, _ = rows
    fold = TaskStatistics().folds(X, (y == "well").astype(float))
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]


@pytest.mark.parametrize("coupling", ["mean_tied", "independent", "pooled"])
@pytest.mark.parametrize("options", [{}, {"task_weight": "equal"}, {"standardize": False, "alpha": 0.05}])
def test_rounds_equal_the_fit_of_all_rows(rows, coupling, options):
    X, y, task = rows
    options = {"unseen_task": "mean", "n_alphas": 6} | options
    model = MultiTaskClassifier(coupling, cv=hashed_folds(rows), tol=1e-15, **options).fit(X, y, task=task)
    sites = split(rows)
    other, centre = by_rounds(MultiTaskClassifier(coupling, **options), sites)
    assert_allclose(other.alpha_, model.alpha_, rtol=1e-9)
    assert_allclose(other.coef_, model.coef_, rtol=0, atol=1e-8)
    assert_allclose(other.intercept_, model.intercept_, rtol=0, atol=1e-8)
    assert_allclose(other.objective_, model.objective_, rtol=1e-9)
    given = [*task[:5].tolist(), "new"]
    assert_allclose(other.predict_proba(X[:6], task=given), model.predict_proba(X[:6], task=given), atol=1e-8)
    assert centre.n_rounds_ <= 25
    if model.path_:
        assert_allclose(other.path_["cv_loss"], model.path_["cv_loss"], rtol=3e-3)
        assert_allclose(other.shared_coef_, model.shared_coef_, rtol=0, atol=1e-7)


def test_what_travels_is_sums(rows):
    sites = split(rows)
    centre = LogisticCentre(MultiTaskClassifier(alpha=0.1), [site.summary() for site in sites], classes=LABELS)
    answer = sites[0].round(centre.question())
    assert {name: value.shape for name, value in vars(answer).items()} == {
        "tasks": (4,), "value": (1, 4), "gradient": (1, 4, 4), "hessian": (1, 4, 4, 4), "held_loss": (1, 4)
    }  # fmt: skip


def test_a_table_with_a_task_column_and_a_new_task(rows):
    X, y, task = rows
    frame = pd.DataFrame(X, columns=list("pqr")).assign(site=task)
    sites = [LogisticSite(frame[k::2], y[k::2], classes=LABELS, task_column="site", min_rows=5) for k in range(2)]
    other, _ = by_rounds(MultiTaskClassifier(alpha=0.1, task_column="site"), sites)
    model = MultiTaskClassifier(alpha=0.1, task_column="site", tol=1e-15).fit(frame, y)
    assert_allclose(other.predict_proba(frame), model.predict_proba(frame), atol=1e-8)
    new = frame[:40].assign(site="e")
    assert_allclose(
        other.add_task(new, y[:40]).predict_proba(new), model.add_task(new, y[:40]).predict_proba(new), atol=1e-6
    )


def ask(summaries, **options):
    return LogisticCentre(MultiTaskClassifier(**options), summaries, classes=LABELS)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: LogisticCentre(MultiTaskClassifier(), s, classes=["ill"]), "two labels in sorted order"),
        (
            lambda s: ask(s, coupling="feature_norm"),
            "does not go by rounds: use 'independent'",
        ),
        (lambda s: ask(s, loss="squared_hinge"), "use loss='logistic'"),
        (
            lambda s: ask(s, fit_intercept=False),
            "fit_intercept=False does not go",
        ),
        (
            lambda s: ask(s, unseen_task="pooled"),
            "use 'mean' or 'error'",
        ),
        (lambda s: ask(s, cv=3), "cv=3 does not go by rounds"),
        (lambda s: LogisticSite([[1.0]], ["x"], ["a"], classes=LABELS), "has the label 'x'"),
        (lambda s: LogisticSite([[1.0]], ["ill"], ["a"], classes=["well", "ill"]), "two labels in sorted order"),
        (lambda s: LogisticSite([[1.0]], ["ill"], ["a"], classes=LABELS), "fewer rows here than min_rows=10"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(rows, call, words):
    with pytest.raises(ValueError, match=words.replace("np.str_", "")) as caught:
        call([site.summary() for site in split(rows)])
    assert "\n" not in str(caught.value)

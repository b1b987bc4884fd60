"""EM and BBSE: frequencies of classes that are known, and the likelihood's maximum by a general solver."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB

from crosstask.transfer import LabelShiftClassifier
from crosstask.transfer._label_shift import bbse_ratio, em_prior

TASK = np.repeat(["old", "new"], [600, 600])
TRUE = np.array([0.7, 0.2, 0.1])


def shifted(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.where(TASK == "new", rng.choice(3, 1200, p=TRUE), rng.integers(0, 3, 1200))
    return rng.normal(size=(1200, 2)) + np.array([[0, 0], [2.5, 0], [0, 2.5]])[y], y


@pytest.mark.parametrize("method", ["em", "bbse"])
def test_frequencies_are_found_without_labels_and_probabilities_improve(method):
    X, y = shifted()
    known = np.where(TASK == "new", np.nan, y)
    model = LabelShiftClassifier(LogisticRegression(), method, target_task="new").fit(X, known, task=TASK)
    assert_allclose(model.target_prior_, TRUE, atol=0.05)
    assert_allclose(model.prior_ratio_, model.target_prior_ / model.source_prior_)
    new = TASK == "new"
    plain = LogisticRegression().fit(X[~new], y[~new])
    assert log_loss(y[new], model.predict_proba(X[new])) < log_loss(y[new], plain.predict_proba(X[new])) - 0.02
    assert model.score(X, y, task=TASK) > plain.score(X[new], y[new])


def test_em_reaches_the_maximum_of_the_likelihood():
    X, y = shifted()
    new = TASK == "new"
    model = GaussianNB().fit(X[~new], y[~new])
    p, prior = model.predict_proba(X[new]), model.class_prior_
    q = cp.Variable(3, nonneg=True)
    cp.Problem(cp.Maximize(cp.sum(cp.log((p / prior) @ q))), [cp.sum(q) == 1]).solve("CLARABEL")
    assert_allclose(em_prior(p, prior, np.zeros(3)), q.value, atol=1e-4)


def test_labels_of_the_target_count_as_what_they_are():
    X, y = shifted()
    model = LabelShiftClassifier(LogisticRegression(), target_task="new").fit(X, y, task=TASK)
    assert_allclose(model.target_prior_, np.bincount(y[TASK == "new"]) / 600)


def test_bbse_inverts_the_confusion_matrix():
    code, predicted = np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 1, 1, 1, 1, 0])
    in_target = np.repeat([0, 1], [6, 4])
    confusion = np.array([[3, 1], [1, 3]]) / 8
    assert_allclose(bbse_ratio(code, predicted, in_target, 2), np.linalg.solve(confusion, [0.6, 0.4]))


def test_without_tasks_nothing_is_corrected():
    X, y = shifted()
    model = LabelShiftClassifier(LogisticRegression()).fit(X, y)
    assert_allclose(model.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))


def test_lines_for_what_does_not_work():
    X, y = shifted()
    with pytest.raises(ValueError, match="method='mle' is not known: use 'em' or 'bbse'"):
        LabelShiftClassifier(LogisticRegression(), "mle", target_task="new").fit(X, y, task=TASK)
    y[-1] = 7
    with pytest.raises(ValueError, match="the target has rows of class 7, which no source has"):
        LabelShiftClassifier(LogisticRegression(), target_task="new").fit(X, y, task=TASK)

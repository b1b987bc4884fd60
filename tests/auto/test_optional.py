import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_info

import crosstask as ct


def crowds(n_crowds, *, n_tasks=9, n_rows=40, seed=0):
    """Tasks whose slopes are those of their crowd; returns X, y, task and the noise-free y."""
    rng = np.random.default_rng(seed)
    slopes = rng.standard_normal((n_crowds, 6))
    task = np.repeat(np.arange(n_tasks), n_rows)
    X = rng.standard_normal((len(task), 6))
    truth = np.einsum("ij,ij->i", X, slopes[task % n_crowds])
    return X, truth + 2.0 * rng.standard_normal(len(task)), task, truth


def test_two_crowds_get_a_model_each():
    X, y, task, _ = crowds(2)
    model = ct.CrossTaskRegressor(random_state=0).fit(X, y, task=task)
    groups = model.candidates_["groups"].estimator_
    np.testing.assert_array_equal(groups.groups_, np.arange(9) % 2)
    assert model.weights_["groups"].mean() > 0.6
    assert "groups-tried" in [code for code, _ in model.findings_]
    plain = ct.CrossTaskRegressor(["own", "pooled", "mean tied", "easy adapt", "feature norm"], random_state=0)
    new, _, new_task, truth = crowds(2, n_rows=400)
    error, without = (
        np.mean((one.predict(new, task=new_task) - truth) ** 2) for one in (model, plain.fit(X, y, task=task))
    )
    assert error < 0.6 * without


def test_a_model_with_groups_is_saved_and_serves_unseen_tasks(tmp_path):
    X, y, task, _ = crowds(2)
    model = ct.CrossTaskRegressor(["own", "pooled", "groups"], random_state=0).fit(X, y, task=task)
    back = ct.load(model.save(tmp_path / "groups.skops"))
    np.testing.assert_array_equal(back.predict(X, task=task), model.predict(X, task=task))
    with pytest.warns(UserWarning, match="served by what the known tasks share"):
        strange = model.predict(X[:2], task=[99, 99])
    np.testing.assert_allclose(strange, model.candidates_["pooled"].predict(X[:2], task=np.array([99, 99])))


@pytest.mark.parametrize("n_crowds", [1, 9])
def test_one_crowd_and_no_crowd_have_no_groups(n_crowds):
    X, y, task, _ = crowds(n_crowds)
    assert "groups" not in ct.CrossTaskRegressor(random_state=0).fit(X, y, task=task).candidates_


def test_groups_of_classes():
    X, y, task, _ = crowds(2, n_rows=60)
    model = ct.CrossTaskClassifier(random_state=0, cv=5).fit(X, y > 0, task=task)
    assert model.weights_["groups"].mean() > 0.4


def test_optional_candidates_are_named_beside_the_callers_own():
    X, y, task, _ = crowds(1, n_tasks=3, n_rows=20)
    names = ["gp", "task boosting", "transfer to each", "pooled", ("ridge", Ridge())]
    model = ct.CrossTaskRegressor(names, random_state=0, cv=2).fit(X, y, task=task)
    asked = ["own", "pooled", "task boosting", "gp", "transfer to each", "ridge, own", "ridge, pooled"]
    assert list(model.candidates_) == asked
    np.testing.assert_allclose(model.weights_.sum(axis=1), 1.0)
    classifier = ct.CrossTaskClassifier(
        ["task boosting", "transfer to each", LogisticRegression()], random_state=0, cv=2
    ).fit(X, y > 0, task=task)
    assert {"own", "task boosting", "transfer to each", "LogisticRegression, own"} <= set(classifier.candidates_)


def test_wrong_names_say_what_there_is():
    X, y, task, _ = crowds(1, n_tasks=3, n_rows=20)
    with pytest.raises(ValueError, match=r"'forest' is not known: the default candidates are .*gp, transfer to each"):
        ct.CrossTaskRegressor(["own", "forest"]).fit(X, y, task=task)
    with pytest.raises(ValueError, match="'gp' is for regression only"):
        ct.CrossTaskClassifier(["own", "gp"]).fit(X, y > 0, task=task)


class CountsThreads(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.threads_ = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}
        return self

    def predict(self, X):
        threads = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}
        assert threads == self.threads_
        return np.zeros(len(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def test_boosting_has_one_thread_and_the_same_result_at_any_n_jobs():
    X, y, task, _ = crowds(1, n_tasks=3, n_rows=40)
    HistGradientBoostingRegressor(max_iter=1).fit(X, y)  # loads OpenMP
    counted = ct.CrossTaskRegressor([("count", CountsThreads())], cv=2, random_state=0).fit(X, y, task=task)
    assert counted.candidates_["count, pooled"].estimator_.estimator_.threads_ == {1}
    boosting = ct.CrossTaskRegressor([HistGradientBoostingRegressor(max_iter=5)], cv=2, random_state=0)
    one = boosting.set_params(n_jobs=1).fit(X, y, task=task).predict(X, task=task)
    np.testing.assert_array_equal(boosting.set_params(n_jobs=2).fit(X, y, task=task).predict(X, task=task), one)

"""task_scorer hands tasks on to predict, by routed metadata or by the column, wherever scikit-learn takes a scorer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.testing.toys import Honest, HonestClassifier

from crosstask.metrics import per_task_scores, task_scorer
from crosstask.model_selection import TaskKFold
from crosstask.tasks import keep_task

RNG = np.random.default_rng(0)
TASK = np.repeat(["a", "b", "c"], [30, 20, 10])
X = RNG.normal(size=(60, 2))
Y = X[:, 0] * (1 + (TASK == "a")) + 3.0 * (TASK == "c") + RNG.normal(size=60)
LABEL = np.where(Y + RNG.normal(size=60) > 1, "ill", "well")
FRAME = pd.DataFrame(X, columns=["p", "q"]).assign(site=TASK)
CV = TaskKFold(3, random_state=0)


def _by_hand(how):
    scores = []
    for train, test in CV.split(X, task=TASK):
        predicted = Honest().fit(X[train], Y[train], task=TASK[train]).predict(X[test], task=TASK[test])
        parts = [r2_score(Y[test][TASK[test] == t], predicted[TASK[test] == t]) for t in "abc"]
        scores.append({"macro": np.mean(parts), "worst": min(parts), "pooled": r2_score(Y[test], predicted)}[how])
    return scores


@pytest.mark.parametrize("how", ["macro", "worst", "pooled"])
def test_in_cross_validation_and_searches_by_routed_metadata(how):
    scorer = task_scorer("r2", average=how)
    with config_context(enable_metadata_routing=True):
        found = cross_val_score(Honest(), X, Y, scoring=scorer, cv=CV, params={"task": TASK})
        search = GridSearchCV(Honest(), {"penalty": [1.0]}, scoring=scorer, cv=CV).fit(X, Y, task=TASK)
        both = cross_validate(Honest(), X, Y, scoring={"one": scorer}, cv=CV, params={"task": TASK})
    assert found == pytest.approx(_by_hand(how))
    assert search.best_score_ == pytest.approx(np.mean(_by_hand(how)))
    assert both["test_one"] == pytest.approx(_by_hand(how))


@pytest.mark.parametrize("how", ["macro", "worst", "pooled"])
def test_by_the_column_nothing_is_routed(how):
    scorer, cv = task_scorer("r2", average=how), TaskKFold(3, task_column="site", random_state=0)
    model = Honest(task_column="site")
    assert cross_val_score(model, FRAME, Y, scoring=scorer, cv=cv) == pytest.approx(_by_hand(how))
    search = GridSearchCV(model, {"penalty": [1.0]}, scoring=scorer, cv=cv).fit(FRAME, Y)
    assert search.best_score_ == pytest.approx(np.mean(_by_hand(how)))


def test_finds_the_column_inside_a_pipeline():
    scaled = make_pipeline(keep_task(StandardScaler(), "site"), Honest(task_column="site", penalty=1e-9))
    plain = Honest(task_column="site", penalty=1e-9)
    cv = TaskKFold(3, task_column="site", random_state=0)
    found = cross_val_score(scaled, FRAME, Y, scoring=task_scorer("rmse"), cv=cv)
    assert found == pytest.approx(cross_val_score(plain, FRAME, Y, scoring=task_scorer("rmse"), cv=cv), rel=1e-6)


def test_scores_an_ordinary_model_task_by_task():
    model = LinearRegression().fit(X, Y)
    frame = per_task_scores(Y, model.predict(X), TASK, metrics=["r2", "mae"])
    assert task_scorer("r2")(model, X, Y, task=TASK) == pytest.approx(frame["r2"]["(mean of tasks)"])
    assert task_scorer("mae", average="worst")(model, X, Y, task=TASK) == pytest.approx(-frame["mae"]["(worst task)"])
    scaled = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
    assert np.isfinite(task_scorer("r2")(scaled, X, Y, task=TASK))


def test_probabilities_with_classes_that_a_fold_lacks():
    model = HonestClassifier().fit(X, LABEL, task=TASK)
    kept = (TASK != "b") | (LABEL == "ill")
    probability = model.predict_proba(X, task=TASK)[:, 1]
    parts = [roc_auc_score(LABEL[t == TASK], probability[t == TASK]) for t in "ac"]
    found = task_scorer("roc_auc")(model, X[kept], LABEL[kept], task=TASK[kept])
    assert found == pytest.approx(np.mean(parts))
    one = LABEL == "ill"
    expected = np.mean([-np.log(1 - probability[one & (t == TASK)]).mean() for t in "abc"])
    assert task_scorer("neg_log_loss")(model, X[one], LABEL[one], task=TASK[one]) == pytest.approx(-expected)
    assert np.isnan(task_scorer("roc_auc")(model, X[one], LABEL[one], task=TASK[one]))


def test_decision_values_where_there_are_no_probabilities():
    class NoProbabilities(LogisticRegression):
        predict_proba = property(lambda self: self.absent)

    model = NoProbabilities().fit(X, LABEL)
    parts = [roc_auc_score(LABEL[t == TASK], model.decision_function(X)[t == TASK]) for t in "abc"]
    assert task_scorer("roc_auc")(model, X, LABEL, task=TASK) == pytest.approx(np.mean(parts))


def test_wide_targets_are_scored_column_by_column():
    wide = pd.DataFrame({"v": Y, "u": -Y})
    wide.iloc[::4, 0] = np.nan
    model = Honest().fit(X, wide)
    answer = model.predict(X)
    seen = wide["v"].notna().to_numpy()
    parts = [r2_score(Y[seen], answer[seen, 0]), r2_score(-Y, answer[:, 1])]
    assert task_scorer("r2")(model, X, wide) == pytest.approx(np.mean(parts))


def test_weights_and_functions_of_ones_own():
    model = Honest().fit(X, Y, task=TASK)
    weight = np.arange(60) % 3
    rows = np.repeat(np.arange(60), weight)
    scorer = task_scorer(lambda y, p, sample_weight=None: -np.average(abs(y - p), weights=sample_weight))
    repeated = scorer(model, X[rows], Y[rows], task=TASK[rows])
    assert scorer(model, X, Y, task=TASK, sample_weight=weight) == pytest.approx(repeated)
    assert task_scorer("mae")(model, X, Y, task=TASK, sample_weight=weight) == pytest.approx(repeated)


def test_without_tasks_it_is_the_plain_score():
    model = LinearRegression().fit(X, Y)
    assert task_scorer("r2")(model, X, Y) == pytest.approx(r2_score(Y, model.predict(X)))
    assert repr(clone(task_scorer("r2"), safe=False)) == "task_scorer('r2', average='macro')"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: task_scorer("r3"), "there is no metric 'r3'"),
        (lambda: task_scorer("r2", average="mean"), "average must be 'macro', 'worst' or 'pooled'; got 'mean'"),
        (lambda: task_scorer("log_loss")(Ridge().fit(X, Y), X, Y), "needs predict_proba, which Ridge does not have"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()

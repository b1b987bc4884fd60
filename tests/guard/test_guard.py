import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import LinearSVC

from crosstask.guard import TransferGuard
from crosstask.multitask import IndependentTasks, MultiTaskRegressor, PooledTasks


def regression(n_tasks=5, n=30, flip=(), seed=0, shift=0.0, noise=1.0):
    rng = np.random.default_rng(seed)
    task = np.repeat([f"t{k}" for k in range(n_tasks)], n)
    X = rng.standard_normal((n_tasks * n, 3))
    sign = np.where(np.isin(task, [f"t{k}" for k in flip]), -1.0, 1.0)
    level = shift * np.arange(n_tasks)[np.repeat(np.arange(n_tasks), n)]
    return X, sign * (X @ [1.0, -1.0, 0.5]) + level + noise * rng.standard_normal(len(X)), task


def classification(n_tasks=3, n=40, seed=0):
    X, z, task = regression(n_tasks, n, seed=seed)
    return X, np.where(z > 0, "yes", "no"), task


RIDGES = [("own", IndependentTasks(Ridge())), ("pooled", PooledTasks(Ridge(), "none"))]
LOGITS = [("own", IndependentTasks(LogisticRegression())), ("pooled", PooledTasks(LogisticRegression(), "none"))]


def test_a_flipped_task_is_left_alone_and_the_others_share():
    X, y, task = regression(n_tasks=10, n=50, flip=[0], noise=2.0)
    guard = TransferGuard(RIDGES, random_state=0).fit(X, y, task=task)
    verdict = guard.verdict_.set_index("task")
    assert verdict.loc["t0", "code"] == "alone"
    assert "sharing raises its squared error by" in verdict.loc["t0", "reason"]
    assert guard.weights_["pooled"].drop("t0").mean() > 0.4
    assert str(guard.verdict_).splitlines()[0].startswith("leave t0 alone:")
    np.testing.assert_allclose(guard.weights_.sum(axis=1), 1.0)


def test_prediction_is_the_mixture_of_the_candidates():
    X, y, task = regression()
    guard = TransferGuard(RIDGES, random_state=0).fit(X, y, task=task)
    each = np.column_stack([model.predict(X, task=task) for model in guard.candidates_.values()])
    weights = guard.weights_.loc[task].to_numpy()
    np.testing.assert_allclose(guard.predict(X, task=task), (each * weights).sum(axis=1), rtol=1e-12)


def test_held_out_losses_are_those_of_a_cross_validation_by_hand():
    X, y, task = regression()
    folds = [(np.flatnonzero(np.arange(150) % 3 != k), np.flatnonzero(np.arange(150) % 3 == k)) for k in range(3)]
    guard = TransferGuard(RIDGES, cv=folds).fit(X, y, task=task)
    by_hand = np.empty(150)
    for train, test in folds:
        by_hand[test] = Ridge().fit(X[train], y[train]).predict(X[test])
    expected = pd.Series((y - by_hand) ** 2).groupby(task).mean()
    np.testing.assert_allclose(guard.candidate_losses_["pooled"], expected, rtol=1e-10)


@pytest.mark.parametrize("mode", ["balanced", "cautious", "bold"])
def test_a_level_of_its_own_never_leaves_a_task_alone(mode):
    X, y, task = regression(n_tasks=6, n=60, seed=3)
    y = y + 8.0 * (task == "t2")
    guard = TransferGuard(RIDGES, mode=mode, random_state=0).fit(X, y, task=task)
    row = guard.verdict_.set_index("task").loc["t2"]
    assert row["code"] != "alone"
    if mode != "bold":
        assert guard.weights_.loc["t2", "own"] > 0.8
        assert "level" in row["reason"]
        assert any(code == "level" for code, _ in guard.findings_)


def test_a_base_rate_of_its_own_never_leaves_a_task_alone():
    rng = np.random.default_rng(5)
    task = np.repeat(["a", "b", "c", "odd"], 150)
    X = rng.standard_normal((600, 2))
    z = 2.0 * X @ [1.0, 1.0] + np.where(task == "odd", 3.5, -1.0)
    y = (rng.random(600) < 1 / (1 + np.exp(-z))).astype(int)
    guard = TransferGuard(LOGITS, random_state=0).fit(X, y, task=task)
    assert guard.weights_.loc["odd", "own"] > 0.8
    assert guard.verdict_.set_index("task").loc["odd", "code"] == "blend"


def test_the_same_result_at_any_n_jobs():
    X, y, task = regression(n_tasks=3, n=20)
    one = TransferGuard(RIDGES, random_state=3).fit(X, y, task=task)
    two = TransferGuard(RIDGES, random_state=3, n_jobs=2).fit(X, y, task=task)
    pd.testing.assert_frame_equal(one.weights_, two.weights_, check_exact=True)
    pd.testing.assert_frame_equal(one.gain_, two.gain_, check_exact=True)


def test_units_of_y_and_order_of_rows_do_not_matter():
    X, y, task = regression(flip=[1])
    folds = [(np.flatnonzero(np.arange(150) % 5 != k), np.flatnonzero(np.arange(150) % 5 == k)) for k in range(5)]
    plain = TransferGuard(RIDGES, cv=folds).fit(X, y, task=task)
    scaled = TransferGuard(RIDGES, cv=folds).fit(X, 1e6 * y, task=task)
    np.testing.assert_allclose(plain.weights_, scaled.weights_, atol=1e-6)
    order = np.random.default_rng(0).permutation(150)
    place = np.argsort(order)
    moved = [(np.sort(place[a]), np.sort(place[b])) for a, b in folds]
    shuffled = TransferGuard(RIDGES, cv=moved).fit(X[order], y[order], task=task[order])
    np.testing.assert_allclose(plain.weights_, shuffled.weights_, atol=1e-6)


def test_a_model_of_noise_gets_next_to_nothing():
    class Nonsense(DummyRegressor):
        def predict(self, X, return_std=False):
            return np.sin(1e4 * X[:, 0])

    X, y, task = regression()
    guard = TransferGuard([*RIDGES, ("noise", Nonsense())], random_state=0).fit(X, y, task=task)
    assert guard.weights_["noise"].max() < 0.1


def test_class_columns_follow_the_union_of_the_classes():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((120, 2)), np.repeat(["a", "b"], 60)
    y = np.where(X[:, 0] > 0, "hi", "lo")
    y = np.where((task == "b") & (X[:, 1] > 0.5), "mid", y)
    for mix in ("response", "linear"):
        guard = TransferGuard(LOGITS, mix=mix, random_state=0).fit(X, y, task=task)
        p = guard.predict_proba(X, task=task)
        assert p.shape == (120, 3)
        np.testing.assert_allclose(p.sum(axis=1), 1.0)
        assert log_loss(y, p, labels=guard.classes_) < 0.6
        np.testing.assert_array_equal(guard.predict(X, task=task), guard.classes_[p.argmax(axis=1)])


def test_a_linear_mixture_of_logistic_models_is_linear():
    X, y, task = classification()
    guard = TransferGuard(LOGITS, mix="linear", random_state=0).fit(X, y, task=task)
    score = guard.decision_function(X, task=task)
    for t in guard.tasks_:
        part = task == t
        fitted = LinearRegression().fit(X[part], score[part])
        np.testing.assert_allclose(fitted.predict(X[part]), score[part], atol=1e-9)


def test_one_class_and_few_rows_are_borrowed_and_say_so():
    X, y, task = classification(n_tasks=4)
    y = np.where(task == "t1", "yes", y)
    keep = (task != "t3") | (np.arange(len(y)) % 40 < 3)
    guard = TransferGuard(LOGITS, random_state=0).fit(X[keep], y[keep], task=task[keep])
    verdict = guard.verdict_.set_index("task")
    assert list(verdict.loc[["t1", "t3"], "code"]) == ["borrowed", "borrowed"]
    assert "one class (yes)" in verdict.loc["t1", "reason"]
    assert "3 rows" in verdict.loc["t3", "reason"]
    assert "nothing is guaranteed" in verdict.loc["t3", "reason"]


def test_a_task_of_one_row_does_not_stop_the_fit():
    X, y, task = regression(n_tasks=3)
    keep = (task != "t0") | (np.arange(len(y)) == 0)
    guard = TransferGuard(RIDGES, random_state=0).fit(X[keep], y[keep], task=task[keep])
    assert guard.verdict_.set_index("task").loc["t0", "code"] == "borrowed"
    assert np.isfinite(guard.predict(X[:1], task=["t0"])).all()


def test_unseen_tasks_get_what_the_tasks_share_or_an_error():
    X, y, task = regression()
    guard = TransferGuard(RIDGES, random_state=0).fit(X, y, task=task)
    np.testing.assert_allclose(
        guard.predict(X[:2], task=["new", "new"]), guard.candidates_["pooled"].predict(X[:2], task=["t0", "t0"])
    )
    with pytest.raises(ValueError, match="has not seen"):
        TransferGuard(RIDGES, unseen_task="error").fit(X, y, task=task).predict(X[:1], task=["new"])


def test_time_leaves_early_rows_out_and_training_before_test():
    X, y, task = regression(n_tasks=3, n=24)
    week = np.tile(np.arange(24), 3)
    guard = TransferGuard(RIDGES, keep_oof=True).fit(X, y, task=task, time=week)
    held = np.isfinite(guard.oof_[:, 0, 0])
    assert not held[week < 4].any()
    assert held[week >= 4].all()
    assert any(code == "not_held_out" for code, _ in guard.findings_)
    frame = pd.DataFrame(X, columns=list("abc")).assign(site=task, week=week)
    column = TransferGuard(RIDGES, task_column="site", time_column="week").fit(frame, y)
    np.testing.assert_allclose(column.weights_, guard.weights_)
    np.testing.assert_allclose(column.predict(frame.drop(columns="week")), guard.predict(X, task=task))


def test_groups_never_straddle_a_fold():
    X, y, task = regression(n_tasks=3, n=24)
    group = np.arange(len(y)) // 4
    X = np.column_stack([X, np.random.default_rng(0).standard_normal(18)[group]])  # tells the group
    y = y + 5.0 * np.random.default_rng(1).standard_normal(18)[group]
    apart = TransferGuard(RIDGES, random_state=0, keep_oof=True).fit(X, y, task=task, groups=group)
    mean_of_group = pd.Series(y).groupby(group).transform("mean").to_numpy()
    leak = np.corrcoef(apart.oof_[:, 1, 0], mean_of_group)[0, 1]
    plain = TransferGuard(RIDGES, random_state=0, keep_oof=True).fit(X, y, task=task)
    assert leak < np.corrcoef(plain.oof_[:, 1, 0], mean_of_group)[0, 1]


def test_what_is_said_of_held_out_rows_never_saw_their_target():
    X, y, task = regression(n_tasks=3, n=30)
    folds = [(np.flatnonzero(np.arange(90) % 5 != k), np.flatnonzero(np.arange(90) % 5 == k)) for k in range(5)]
    tuned = [("own", MultiTaskRegressor("independent")), ("tied", MultiTaskRegressor("mean_tied")), *RIDGES[1:]]
    guard = TransferGuard(tuned, cv=folds, keep_oof=True, random_state=0)
    said = guard.fit(X, y, task=task).oof_
    for _, test in folds:
        spoilt = y.copy()
        spoilt[test] = 100.0 * np.random.default_rng(0).standard_normal(len(test))
        again = clone(guard).fit(X, spoilt, task=task)
        np.testing.assert_array_equal(again.oof_[test], said[test])
        assert not np.allclose(again.oof_, said)


def test_a_row_that_two_tasks_share_is_no_help_where_groups_say_so():
    X, y, task = regression(n_tasks=2, n=40)
    X[40:], y[40:] = X[:40], y[:40]  # the same forty patients in both tasks
    nearest = [("own", IndependentTasks(Ridge())), ("nearest", PooledTasks(KNeighborsRegressor(1), "none"))]
    guard = TransferGuard(nearest, random_state=0)
    copied = clone(guard).fit(X, y, task=task).candidate_losses_["nearest"]
    apart = clone(guard).fit(X, y, task=task, groups=np.tile(np.arange(40), 2)).candidate_losses_["nearest"]
    assert copied.max() < 0.5 * apart.min()  # some copies fall into the same fold by chance
    assert apart.min() > 0.5


def test_groups_and_times_are_honoured_together():
    X, y, task = regression(n_tasks=2, n=40)
    visit, patient = np.tile(np.arange(40), 2), np.tile(np.arange(40) % 20, 2)
    X[20:40], y[20:40], X[60:], y[60:] = X[:20], y[:20], X[40:60], y[40:60]  # each patient comes twice, the same
    nearest = [("own", IndependentTasks(Ridge())), ("nearest", PooledTasks(KNeighborsRegressor(1), "none"))]
    guard = TransferGuard(nearest, random_state=0, keep_oof=True)
    cut = clone(guard).fit(X, y, task=task, time=visit).oof_[:, 1, 0]
    both = clone(guard).fit(X, y, task=task, time=visit, groups=patient).oof_[:, 1, 0]
    second = visit >= 20
    np.testing.assert_array_equal(cut[second], y[second])
    assert np.mean((both[second] - y[second]) ** 2) > 0.5
    assert np.isnan(both[visit < 6]).all()


def test_scikit_learns_names_of_scores_are_understood():
    X, y, task = regression(n_tasks=2)
    named = TransferGuard(RIDGES, scoring="neg_mean_absolute_error", random_state=0).fit(X, y, task=task)
    ours = TransferGuard(RIDGES, scoring="absolute", random_state=0).fit(X, y, task=task)
    np.testing.assert_array_equal(named.weights_, ours.weights_)
    with pytest.raises(ValueError, match="scoring='r2' does not serve regression"):
        TransferGuard(RIDGES, scoring="r2").fit(X, y, task=task)


def test_one_task_has_nothing_to_share():
    X, y, _ = regression(n_tasks=1)
    assert str(TransferGuard(RIDGES).fit(X, y).verdict_) == "0 is the only task: there is nothing to share with."


@pytest.mark.parametrize("shown", ["weights_", "gain_", "verdict_", "candidates_", "candidate_losses_", "coverage_"])
def test_nothing_is_shown_before_fit(shown):
    with pytest.raises(NotFittedError):
        getattr(TransferGuard(RIDGES), shown)


def test_wide_door_agrees_with_the_array_door_and_keeps_rows_together():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((40, 3))
    Y = np.column_stack([X @ [1, 0, 1], X @ [1, 0.2, 1], -X @ [1, 0, 1]]) + rng.standard_normal((40, 3))
    Y[3, 1] = np.nan
    wide = TransferGuard(RIDGES, random_state=0, keep_oof=True).fit(X, Y)
    rows, columns = np.nonzero(np.isfinite(Y.T))[1], np.nonzero(np.isfinite(Y.T))[0]
    long = TransferGuard(RIDGES, random_state=0, keep_oof=True)
    long.fit(X[rows], Y[rows, columns], task=columns, groups=rows)
    np.testing.assert_allclose(wide.oof_, long.oof_)
    assert wide.predict(X).shape == (40, 3)


def test_weights_reach_the_candidates_and_the_losses():
    X, y, task = regression(n_tasks=2, n=40)
    y[:10] += 50.0
    weight = np.where(np.arange(80) < 10, 1e-9, 1.0)
    spoilt = TransferGuard(RIDGES, random_state=0).fit(X, y, task=task)
    cured = TransferGuard(RIDGES, random_state=0).fit(X, y, task=task, sample_weight=weight)
    assert cured.gain_["own_loss"][0] < 3.0 < spoilt.gain_["own_loss"][0]
    X, label, task = classification()
    balanced = TransferGuard(LOGITS, class_weight="balanced", random_state=0).fit(X, label, task=task)
    assert balanced.candidates_["pooled"].estimator_.class_weight == "balanced"


@pytest.mark.parametrize("scoring", ["squared", "absolute", ("quantile", 0.8)])
def test_every_scoring_of_amounts_prefers_what_is_better(scoring):
    X, y, task = regression(n_tasks=4, n=15)
    guard = TransferGuard(RIDGES, scoring=scoring, random_state=0).fit(X, y, task=task)
    assert guard.weights_["pooled"].mean() > 0.5
    assert guard.gain_["gain"].mean() > 0.0


def test_calibration_is_that_of_held_out_rows():
    X, y, task = classification()
    guard = TransferGuard(LOGITS, scoring="brier", random_state=0).fit(X, y, task=task)
    table = guard.calibration_
    assert table["count"].sum() == len(y)
    assert np.average(table["observed"], weights=table["count"]) == pytest.approx((y == "yes").mean())
    assert not hasattr(TransferGuard(RIDGES).fit(X, (y == "yes") * 1.0, task=task), "calibration_")


def test_progress_is_told():
    said = []
    X, y, task = regression(n_tasks=2)
    TransferGuard(RIDGES, cv=3, verbose=lambda done, total, text: said.append((done, total, text))).fit(X, y, task=task)
    assert [done for done, _, _ in said] == list(range(1, 9))
    assert said[0] == (1, 8, "own: fold 1 of 3")


def test_many_tasks_are_summarised():
    X, y, task = regression(n_tasks=22, n=12, flip=[4])
    lines = str(TransferGuard(RIDGES, random_state=0).fit(X, y, task=task).verdict_).splitlines()
    assert lines[0].startswith("22 tasks: ")
    assert len(lines) <= 11


def test_an_own_model_is_added_and_parameters_are_reached_by_name():
    X, y, task = regression(n_tasks=3)
    guard = TransferGuard([("pooled", Ridge())], random_state=0).fit(X, y, task=task)
    assert guard.own_ == "own"
    assert guard.findings_[0][0] == "own_added"
    again = clone(TransferGuard(RIDGES)).set_params(pooled__estimator__alpha=7.0, own="pooled")
    assert again.candidates[1][1].estimator.alpha == 7.0
    assert again.own == "pooled"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"candidates": []}, "holds no models"),
        ({"candidates": [("a", Ridge)]}, "is no estimator"),
        ({"candidates": [("a", Ridge()), ("a", Ridge())]}, "2 candidates are named 'a'"),
        ({"candidates": [*RIDGES, *LOGITS[:1]]}, "named 'own'"),
        ({"candidates": [RIDGES[0], LOGITS[1]]}, "mix classifiers with regressors"),
        ({"own": "nobody"}, "own='nobody' names none"),
        ({"mode": "brave"}, "mode='brave' is not known"),
        ({"mix": "both"}, "mix='both' is not known"),
        ({"scoring": "log_loss"}, "does not serve regression"),
    ],
)
def test_bad_input_is_said_in_one_line(change, says):
    X, y, task = regression(n_tasks=2, n=10)
    with pytest.raises(ValueError, match=says):
        TransferGuard(RIDGES).set_params(**change).fit(X, y, task=task)


def test_classifiers_without_probabilities_are_told_what_serves():
    X, y, task = classification()
    guard = TransferGuard([("own", IndependentTasks(LinearSVC())), ("pooled", LinearSVC())])
    with pytest.raises(ValueError, match="CalibratedClassifierCV"):
        guard.fit(X, y, task=task)


@pytest.mark.parametrize("mode", ["balanced", "cautious", "bold"])
def test_the_own_model_alone_is_served_as_it_is(mode):
    X, y, task = regression()
    own = IndependentTasks(Ridge())
    guard = TransferGuard([("own", own)], mode=mode, random_state=0).fit(X, y, task=task)
    np.testing.assert_allclose(guard.predict(X, task=task), own.fit(X, y, task=task).predict(X, task=task))
    assert (guard.weights_.to_numpy() == 1.0).all()
    assert "there was nothing to compare its own model with" in str(guard.verdict_)

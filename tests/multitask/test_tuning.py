"""alpha="auto" against cross-validation written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from crosstask.couplings import MeanTied
from crosstask.losses import Logistic, Multinomial, Squared
from crosstask.model_selection import TaskKFold, TaskTimeSeriesSplit
from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor
from crosstask.multitask._tuning import row_losses


@pytest.mark.parametrize("coupling", ["mean_tied", "feature_norm"])
@pytest.mark.parametrize("weighted", [False, True])
def test_path_is_cross_validation_by_hand(regression_rows, coupling, weighted):
    X, y, task = regression_rows
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(y)) if weighted else np.ones(len(y))
    folds = list(KFold(4, shuffle=True, random_state=0).split(X))
    model = MultiTaskRegressor(coupling, cv=folds, n_alphas=5, standardize=False)
    model.fit(X, y, task=task, sample_weight=weight)
    path = model.path_
    assert path["n_folds"] == 4
    for alpha, cv_loss, cv_se in zip(path["alpha"], path["cv_loss"], path["cv_se"], strict=True):
        held = np.empty(len(y))
        for train, test in folds:
            fixed = clone(model).set_params(alpha=alpha)
            fixed.fit(X[train], y[train], task=task[train], sample_weight=weight[train])
            held[test] = 0.5 * (y[test] - fixed.predict(X[test], task=task[test])) ** 2
        assert_allclose(cv_loss, np.average(held, weights=weight), rtol=2e-3)
        assert_allclose(cv_se, np.sqrt(np.sum(weight * (held - cv_loss) ** 2)) / weight.sum(), rtol=1e-2)
    assert model.alpha_ == path["alpha"][np.argmin(path["cv_loss"])]
    assert_allclose(
        model.coef_, clone(model).set_params(alpha=model.alpha_).fit(X, y, task=task, sample_weight=weight).coef_
    )


def test_training_side_of_explicit_folds_is_honoured(regression_rows):
    X, y, task = regression_rows
    rng = np.random.default_rng(1)
    rows = rng.permutation(len(y))
    folds = [(rows[:40], rows[60:80]), (rows[20:60], rows[80:])]
    model = MultiTaskRegressor("pooled", cv=folds, n_alphas=4, standardize=False).fit(X, y, task=task)
    held = []
    for train, test in folds:
        fixed = MultiTaskRegressor("pooled", alpha=model.path_["alpha"][2], standardize=False)
        fixed.fit(X[train], y[train], task=task[train])
        held.append(0.5 * (y[test] - fixed.predict(X[test], task=task[test])) ** 2)
    assert_allclose(model.path_["cv_loss"][2], np.concatenate(held).mean())


def test_each_tasks_own_alpha_listens_to_the_crowd(regression_rows):
    X, y, task = regression_rows
    model = MultiTaskRegressor("independent", standardize=False).fit(X, y, task=task)
    path = model.path_
    held = np.array([np.sum(task == t) for t in model.tasks_]) * path["n_folds"] / 5  # folds are dealt out repeatedly
    merged = path["task_cv_loss"] * held + 80.0 * path["cv_loss"][:, None]
    assert_array_equal(model.alpha_, path["alpha"][merged.argmin(axis=0)])
    for t, name in enumerate(model.tasks_):
        rows = task == name
        by_hand = Ridge(model.alpha_[t] * len(y)).fit(X[rows], y[rows])
        assert_allclose(model.coef_[t], by_hand.coef_)
    objective = 0.5 * np.mean((y - model.predict(X, task=task)) ** 2)
    objective += 0.5 * np.sum(model.alpha_[:, None] * model.coef_**2)
    assert_allclose(model.objective_, objective)


def test_same_answer_in_every_call_and_at_any_n_jobs(binary_rows):
    X, y, task = binary_rows
    first = MultiTaskClassifier(n_alphas=5).fit(X, y, task=task)
    again = MultiTaskClassifier(n_alphas=5, n_jobs=2).fit(X, y, task=task)
    assert first.alpha_ == again.alpha_
    assert_allclose(first.coef_, again.coef_)
    other = MultiTaskClassifier(n_alphas=5, random_state=7).fit(X, y, task=task)
    assert not np.allclose(other.path_["cv_loss"], first.path_["cv_loss"])


def test_splitters_see_the_callers_table(regression_rows):
    X, y, task = regression_rows
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("uvwxy")).assign(site=task, week=np.arange(len(y)) % 30)
    cv = TaskTimeSeriesSplit(3, time_column="week", task_column="site")
    model = MultiTaskRegressor("pooled", task_column="site", cv=cv, n_alphas=4).fit(frame, y)
    folds = list(cv.split(frame))
    explicit = MultiTaskRegressor("pooled", task_column="site", cv=folds, n_alphas=4).fit(frame, y)
    assert_allclose(model.path_["cv_loss"], explicit.path_["cv_loss"])
    weight = (np.arange(len(y)) % 7 > 0).astype(float)
    dropped = MultiTaskRegressor("pooled", task_column="site", cv=cv, n_alphas=4)
    dropped.fit(frame, y, sample_weight=weight)
    kept = frame[weight > 0]
    shorter = MultiTaskRegressor("pooled", task_column="site", cv=cv, n_alphas=4).fit(kept, y[weight > 0])
    assert_allclose(dropped.path_["cv_loss"], shorter.path_["cv_loss"])


def test_default_folds_hold_a_part_of_each_task_out(regression_rows):
    X, y, task = regression_rows
    folds = list(TaskKFold(5, random_state=0).split(X, task=task))
    assert MultiTaskRegressor(cv=TaskKFold(5, random_state=0), n_alphas=3).fit(X, y, task=task).path_["n_folds"] == len(
        folds
    )
    assert MultiTaskRegressor(cv=3, n_alphas=3).fit(X, y, task=task).path_["n_folds"] == 3


def test_wide_rows_are_held_out_whole():
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    Y[4, 0] = np.nan
    folds = list(KFold(3).split(X))
    wide = MultiTaskRegressor("pooled", cv=folds, n_alphas=3).fit(X, Y)
    pairs = np.flatnonzero(~np.isnan(Y.T.ravel()))
    long_folds = [(np.flatnonzero(np.isin(pairs % 30, a)), np.flatnonzero(np.isin(pairs % 30, b))) for a, b in folds]
    long = MultiTaskRegressor("pooled", cv=long_folds, n_alphas=3)
    long.fit(X[pairs % 30], Y.T.ravel()[pairs], task=pairs // 30)
    assert_allclose(wide.path_["cv_loss"], long.path_["cv_loss"])


def test_a_task_absent_from_training_is_not_judged(regression_rows):
    X, y, task = regression_rows
    lone = np.where(np.arange(len(y)) == 0, "lone", task)
    model = MultiTaskRegressor("pooled", cv=3, n_alphas=3).fit(X, y, task=lone)
    assert np.isnan(model.path_["task_cv_loss"][:, list(model.tasks_).index("lone")]).all()
    assert np.isfinite(model.path_["cv_loss"]).all()


def test_progress_reaches_a_callable(regression_rows, capsys):
    X, y, task = regression_rows
    said = []
    MultiTaskRegressor(cv=3, n_alphas=3, verbose=lambda *what: said.append(what)).fit(X, y, task=task)
    assert [(done, total) for done, total, _ in said] == [(1, 3), (2, 3), (3, 3)]
    MultiTaskRegressor(cv=3, n_alphas=3, verbose=1).fit(X, y, task=task)
    assert "[3/3]" in capsys.readouterr().out


@pytest.mark.parametrize(("loss", "k"), [(Squared(), 1), (Logistic(), 1), (Multinomial(), 3)])
def test_row_losses_add_up_to_the_loss(loss, k):
    rng = np.random.default_rng(3)
    y, z = rng.integers(0, max(k, 2), 9).astype(float), rng.normal(size=(9, 2, k))
    by_row = row_losses(loss, y, z)
    for a in range(2):
        shaped = z[:, a, 0] if k == 1 else z[:, a]
        assert_allclose(by_row[:, a].sum(), loss.value(y, shaped, np.ones(9)))

    class Guest(type(loss)):
        """A loss of somebody else's: only value() is known of it."""

    assert_allclose(row_losses(Guest(), y, z), by_row)


@pytest.mark.parametrize("coupling", ["independent", "pooled", "mean_tied"])
@pytest.mark.parametrize("task_weight", ["rows", "equal"])
def test_leave_one_out_chooses_by_every_row(regression_rows, coupling, task_weight):
    X, y, task = regression_rows
    lone = np.where(np.arange(len(y)) == 3, "lone", task)
    model = MultiTaskRegressor(coupling, cv="loo", n_alphas=6, task_weight=task_weight).fit(X, y, task=lone)
    path = model.path_
    assert path["n_folds"] == len(y)
    assert np.isnan(path["task_cv_loss"][:, list(model.tasks_).index("lone")]).all()
    folds = [(np.delete(np.arange(len(y)), i), [i]) for i in range(len(y)) if i != 3]
    slow = clone(model).set_params(cv=folds).fit(X, y, task=lone)
    assert_allclose(path["cv_loss"], slow.path_["cv_loss"], rtol=0.06)  # there n is one less
    pooled = MultiTaskRegressor(coupling, cv="loo", n_alphas=3, unseen_task="pooled").fit(X, y, task=task)
    assert np.isfinite(pooled.predict(X[:1], task=["new"])).all()


def test_leave_one_out_says_where_it_is_not(regression_rows, binary_rows):
    X, y, task = regression_rows
    with pytest.raises(ValueError, match=r"cv='loo' is the closed form .* FeatureNorm\(\): use cv=5, or .*LeaveOneOut"):
        MultiTaskRegressor("feature_norm", cv="loo").fit(X, y, task=task)
    with pytest.raises(ValueError, match=r"this is Logistic\(\) with"):
        MultiTaskClassifier(cv="loo").fit(binary_rows[0], binary_rows[1], task=task)
    with pytest.raises(ValueError, match="cv='best' is not known: use 'loo', 'gcv'"):
        MultiTaskRegressor(cv="best").fit(X, y, task=task)
    with pytest.raises(ValueError, match="predicts no row from the others"):
        MultiTaskRegressor(MeanTied(), cv="loo", n_alphas=2).fit(X[:4], y[:4], task=[0, 0, 1, 1])


@pytest.mark.parametrize("coupling", ["independent", "pooled", "mean_tied"])
def test_rows_that_nothing_else_speaks_for(coupling):
    rng = np.random.default_rng(0)
    X, y, task = rng.normal(size=(6, 2)), rng.normal(size=6), np.arange(6)
    with pytest.raises(ValueError, match=r"cv='loo' with .* predicts no row from the others"):
        MultiTaskRegressor(coupling, cv="loo", n_alphas=2).fit(X, y, task=task)
    with pytest.raises(ValueError, match="no task with held-out rows has rows left to train on: give a number"):
        MultiTaskRegressor(coupling, n_alphas=2).fit(X, y, task=task)
    assert MultiTaskRegressor(coupling, alpha=1.0).fit(X, y, task=task).coef_.shape == (6, 2)


def test_generalised_cross_validation_chooses_by_the_mean_leverage(regression_rows):
    X, y, task = regression_rows
    model = MultiTaskRegressor("pooled", cv="gcv", n_alphas=4, standardize=False).fit(X, y, task=task)
    n, (codes, T) = len(y), (np.unique(task, return_inverse=True)[1], len(np.unique(task)))
    centred = X - np.stack([X[codes == t].mean(axis=0) for t in range(T)])[codes]
    for alpha, loss in zip(model.path_["alpha"], model.path_["cv_loss"], strict=True):
        values = np.linalg.eigvalsh(centred.T @ centred / n)
        trace = T + np.sum(values / (values + alpha))
        fitted = clone(model).set_params(alpha=alpha).fit(X, y, task=task).predict(X, task=task)
        assert_allclose(loss, 0.5 * n * np.sum((y - fitted) ** 2) / (n - trace) ** 2)


@pytest.mark.parametrize("coupling", ["independent", "pooled", "mean_tied"])
def test_generalised_cross_validation_bears_weights_that_add_up_to_one(regression_rows, coupling):
    X, y, task = regression_rows
    model = MultiTaskRegressor(coupling, cv="gcv", n_alphas=4).fit(X, y, task=task)
    light = clone(model).fit(X, y, task=task, sample_weight=np.full(len(y), 1.0 / len(y)))
    assert_allclose(light.path_["cv_loss"], model.path_["cv_loss"])
    assert_allclose(light.alpha_, model.alpha_)
    twice = clone(model).fit(np.tile(X, (2, 1)), np.tile(y, 2), task=np.tile(task, 2))
    heavy = clone(model).fit(X, y, task=task, sample_weight=np.full(len(y), 2.0))
    assert_allclose(heavy.path_["cv_loss"], twice.path_["cv_loss"])


def test_the_path_is_shown_as_a_frame(regression_rows):
    X, y, task = regression_rows
    model = MultiTaskRegressor("independent", n_alphas=4).fit(X, y, task=task)
    frame, tasks = model.path_frame(), len(model.tasks_)
    assert list(frame.columns) == ["alpha", "task", "loss", "mean_loss", "mean_se", "chosen"]
    assert_array_equal(frame["task"][:tasks], model.tasks_)
    assert_array_equal(frame["loss"].to_numpy().reshape(4, tasks), model.path_["task_cv_loss"])
    assert_array_equal(frame[frame["chosen"]].sort_values("task")["alpha"], model.alpha_)
    assert_array_equal(frame["mean_loss"][::tasks], model.path_["cv_loss"])
    before = model.path_
    model.add_task(X[:9], y[:9], task="another")
    wider = model.path_frame()
    assert wider.query("task == 'another'")["loss"].isna().all()
    assert_array_equal(wider.query("task != 'another'")["loss"], frame["loss"])
    assert before["task_cv_loss"].shape == (4, tasks)  # a shallow copy of the model keeps what it had
    with pytest.raises(ValueError, match=r"there is no path: .* alpha=0\.5"):
        MultiTaskRegressor(alpha=0.5).fit(X, y, task=task).path_frame()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"alpha": [0.1, 0.2]}, r"alpha=\[0.1, 0.2\] must be positive, or 'auto'"),
        ({"alpha": np.inf}, "alpha=inf must be positive"),
        ({"tol": -1.0}, "tol=-1.0 must be a number, at least 0"),
        ({"tol": "small"}, "tol='small' must be a number, at least 0"),
        ({"max_iter": 0}, "max_iter=0 must be a number, at least 1"),
        ({"n_alphas": 0}, "n_alphas=0 must be a number, at least 1"),
    ],
)
def test_parameters_that_are_no_numbers_are_refused_in_one_line(regression_rows, options, line):
    X, y, task = regression_rows
    with pytest.raises(ValueError, match=line):
        MultiTaskRegressor(**options).fit(X, y, task=task)

"""The estimators: what they learn, what they refuse, and what comes back from a file."""

from __future__ import annotations

import builtins
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import Ridge
from tests.neural.problems import quadrants, waves

import crosstask as ct
from crosstask.neural import (
    Distilled,
    FineTunedNetClassifier,
    FineTunedNetRegressor,
    MultiTaskMLPClassifier,
    MultiTaskMLPRegressor,
)
from crosstask.neural import _train as training
from crosstask.neural._rows import epochs_of_tasks
from crosstask.neural._targets import hold_out
from crosstask.tasks import TaskData
from crosstask.tasks._doors import open_fit

QUICK = {"max_epochs": 120, "learning_rate_init": 0.01}
WAYS = [
    {},
    {"trunk": "mmoe"},
    {"trunk": "ple"},
    {"heads": "low_rank"},
    {"heads": "mean_tied"},
    {"heads": "film"},
    {"weighting": "log"},
    {"weighting": "uncertainty"},
    {"weighting": "worst_group"},
    {"task_weight": "equal"},
    {"aggregator": "upgrad", "max_epochs": 40},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_way_learns_what_no_line_can(way):
    X, y, task = waves()
    new, truth, where = waves(seed=1)
    line = ct.IndependentTasks(Ridge()).fit(X, y, task=task).score(new, truth, task=where)
    model = MultiTaskMLPRegressor((32, 32), **{**QUICK, **way}).fit(X, y, task=task)
    assert model.score(new, truth, task=where) > max(0.85, line + 0.2)


@pytest.mark.parametrize("way", [{}, {"trunk": "ple"}, {"class_weight": "balanced"}, {"dropout": 0.1}], ids=str)
def test_classes_that_no_line_separates(way):
    X, y, task = quadrants()
    new, truth, where = quadrants(seed=1)
    model = MultiTaskMLPClassifier((32, 32), **QUICK, **way).fit(X, y, task=task)
    assert model.score(new, truth, task=where) > 0.85
    np.testing.assert_allclose(model.predict_proba(new, task=where).sum(axis=1), 1.0)


def test_a_task_in_other_units_is_the_same_task():
    X, y, task = waves()
    plain = MultiTaskMLPRegressor((16,), dtype="float64", **QUICK).fit(X, y, task=task)
    unit = np.array([1.0, 1e4, 1e-4])[task]
    scaled = MultiTaskMLPRegressor((16,), dtype="float64", **QUICK).fit(X, y * unit, task=task)
    ratio = scaled.predict(X, task=task) / unit
    # the deviation of a task borrows 1/120 from the others, which is why this is not exact
    assert np.corrcoef(ratio, plain.predict(X, task=task))[0, 1] > 0.98
    within = [np.corrcoef(scaled.predict(X[task == t], task=task[task == t]), y[task == t])[0, 1] for t in range(3)]
    assert min(within) > 0.8


def test_weights_that_are_shares_and_rows_without_weight():
    X, y, task = waves(n_rows=20)
    same = {"dtype": "float64", "max_epochs": 10}
    plain = MultiTaskMLPRegressor((8,), **same).fit(X, y, task=task).predict(X, task=task)
    for unit in (1e-4, 0.5):
        weighted = MultiTaskMLPRegressor((8,), **same).fit(X, y, task=task, sample_weight=np.full(60, unit))
        np.testing.assert_allclose(weighted.predict(X, task=task), plain, rtol=1e-6)
    rng = np.random.default_rng(0)
    many, others, where = (np.concatenate([a, a[:20] + 9.0 * (k < 2)]) for k, a in enumerate((X, y, task)))
    weight = np.append(np.ones(60), np.zeros(20))
    shuffled = rng.permutation(80)
    model = MultiTaskMLPRegressor((8,), early_stopping=False, batch_size=80, **same)
    model.fit(many[shuffled], others[shuffled], task=where[shuffled].astype(int), sample_weight=weight[shuffled])
    without = clone(model).fit(X, y, task=task)
    for name in ("mean", "scale"):
        expected = getattr(without.target_scaling_, name)
        np.testing.assert_allclose(getattr(model.target_scaling_, name), expected, rtol=1e-12)
    np.testing.assert_allclose(model.predict(X, task=task), without.predict(X, task=task), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("trunk", ["shared", "mmoe", "ple"])
def test_dropout_acts_in_every_trunk_and_under_the_aggregator(trunk):
    X, y, task = waves(n_rows=10)
    ways = [{}, {"aggregator": "upgrad"}] if trunk == "shared" else [{}]
    for way in ways:
        kind = MultiTaskMLPRegressor((8, 8), trunk=trunk, max_epochs=2, early_stopping=False, **way)
        plain = kind.fit(X, y, task=task).predict(X, task=task)
        dropped = clone(kind).set_params(dropout=0.5).fit(X, y, task=task).predict(X, task=task)
        assert np.isfinite(dropped).all()
        assert np.abs(dropped - plain).max() > 1e-4


def test_same_seed_same_net_and_the_callers_seed_is_left_alone():
    X, y, task = waves()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = MultiTaskMLPRegressor((8,), dropout=0.2, random_state=3, max_epochs=5).fit(X, y, task=task)
    assert torch.equal(torch.rand(3), expected)
    again, other = clone(first).fit(X, y, task=task), clone(first).set_params(random_state=4).fit(X, y, task=task)
    np.testing.assert_array_equal(again.predict(X, task=task), first.predict(X, task=task))
    assert not np.array_equal(other.predict(X, task=task), first.predict(X, task=task))


def test_the_best_weights_are_kept():
    X, y, task = waves(n_rows=30, noise=1.0)
    model = MultiTaskMLPRegressor((32, 32), learning_rate_init=0.03, weight_decay=0.0).fit(X, y, task=task)
    history = model.history_
    frame = history.frame()
    assert history.stopped == "patience"
    assert frame["validation_loss"].idxmin() + 1 == history.best_epoch
    assert frame.loc[frame["kept"], "epoch"].tolist() == [history.best_epoch]
    assert history.plot().get_xlabel() == "epoch"


def test_ctrl_c_keeps_the_best_weights(monkeypatch):
    X, y, task = waves()
    evaluate, calls = training.evaluate, []

    def interrupted(*given):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return evaluate(*given)

    monkeypatch.setattr(training, "evaluate", interrupted)
    with pytest.warns(UserWarning, match="stopped by hand after 3 epochs"):
        model = MultiTaskMLPRegressor((8,)).fit(X, y, task=task)
    assert model.history_.stopped == "by hand"
    assert np.isfinite(model.predict(X, task=task)).all()
    monkeypatch.undo()
    three = MultiTaskMLPRegressor((8,), max_epochs=3).fit(X, y, task=task)
    np.testing.assert_array_equal(model.predict(X, task=task), three.predict(X, task=task))


def test_the_bar_shows_losses(capsys):
    X, y, task = waves(n_rows=10)
    MultiTaskMLPRegressor((4,), max_epochs=2, verbose=2).fit(X, y, task=task)
    assert "held out" in capsys.readouterr().out


def test_wide_targets_with_gaps_equal_the_long_table():
    X, _, _ = waves(n_tasks=1, n_rows=50)
    rng = np.random.default_rng(2)
    Y = np.column_stack([np.sin(X[:, 0]), X[:, 1], X[:, 0] ** 2])
    Y[rng.random(Y.shape) < 0.2] = np.nan
    t, i = np.nonzero(~np.isnan(Y.T))
    same = {"dtype": "float64", "early_stopping": False, "batch_size": 1000, "max_epochs": 30}
    wide = MultiTaskMLPRegressor((8,), **same).fit(X, Y)
    long = MultiTaskMLPRegressor((8,), **same).set_params(standardize=True).fit(X[i], Y[i, t], task=t)
    assert wide.predict(X).shape == (50, 3)
    # columns are scaled by the pairs observed, in both
    np.testing.assert_allclose(wide.predict(X)[:, 1], long.predict(X, task=np.full(50, 1)), rtol=1e-6)


def test_mixed_kinds_of_targets():
    X, _, _ = waves(n_tasks=1, n_rows=400)
    Y = pd.DataFrame({"dose": 100 * np.sin(2 * X[:, 0]), "ill": (X[:, 0] > 0).astype(float)})
    model = MultiTaskMLPRegressor((32,), loss={"ill": "logistic"}, **QUICK).fit(X, Y)
    dose, ill = model.predict(X).T
    assert np.corrcoef(dose, Y["dose"])[0, 1] > 0.9
    assert ((ill >= 0) & (ill <= 1)).all()
    assert ((ill > 0.5) == (Y["ill"] == 1)).mean() > 0.95
    with pytest.raises(ValueError, match="task 'dose' has loss='logistic' and y ="):
        MultiTaskMLPRegressor(loss="logistic").fit(X, Y)
    with pytest.raises(ValueError, match="names the task 'pain'"):
        MultiTaskMLPRegressor(loss={"pain": "logistic"}).fit(X, Y)


def test_categories_are_embedded_and_an_unknown_one_says_nothing(tmp_path):
    rng = np.random.default_rng(0)
    colour = rng.choice(["red", "green", "blue"], size=240)
    frame = pd.DataFrame({"x": rng.normal(size=240), "colour": colour, "site": np.repeat(["a", "b"], 120)})
    y = frame["colour"].map({"red": 0.0, "green": 2.0, "blue": -2.0}) + 0.1 * rng.normal(size=240)
    model = MultiTaskMLPRegressor((16,), categorical_features=["colour"], task_column="site", **QUICK).fit(frame, y)
    assert model.score(frame, y) > 0.9
    new = frame.head(1).assign(colour="mauve")
    assert np.isfinite(model.predict(new)).all()
    again = ct.load(ct.save(model, tmp_path / "net.skops"))
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="names 'size'"):
        clone(model).set_params(categorical_features=["size"]).fit(frame, y)


def test_weights_are_one_block_of_safetensors_where_that_is_installed(monkeypatch):
    safetensors = pytest.importorskip("safetensors.numpy")
    X, y, task = waves(n_rows=10)
    model = MultiTaskMLPRegressor((4,), max_epochs=2).fit(X, y, task=task)
    packed = model.__getstate__()["state_"]
    arrays = safetensors.load(packed.content.tobytes())
    assert set(arrays) == set(model.state_)
    assert all(np.array_equal(arrays[name], value) for name, value in model.state_.items())
    there = pickle.loads(pickle.dumps(model))
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    assert model.__getstate__()["state_"] is model.state_  # then as plain arrays
    with pytest.raises(ImportError, match=r'safetensors format, .* pip install "crosstask\[neural\]"\.$'):
        packed.unpack()
    np.testing.assert_array_equal(there.predict(X, task=task), model.predict(X, task=task))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X, task=task), model.predict(X, task=task))


@pytest.mark.parametrize(
    "way", [{}, {"trunk": "ple"}, {"trunk": "mmoe"}, {"heads": "film"}, {"unseen_task": "pooled"}], ids=str
)
def test_saved_without_pickle(way, tmp_path):
    X, y, task = quadrants(n_rows=20)
    model = MultiTaskMLPClassifier((6,), max_epochs=4, **way).fit(X, y, task=task)
    again = ct.load(ct.save(model, tmp_path / "net.skops"))
    assert "_net" not in again.__dict__
    np.testing.assert_array_equal(again.predict_proba(X, task=task), model.predict_proba(X, task=task))
    pd.testing.assert_frame_equal(again.history_.frame(), model.history_.frame())


BAD = [
    ({"trunk": "tree"}, "trunk='tree' is not known"),
    ({"heads": "many"}, "heads='many' is not known"),
    ({"weighting": "gradnorm"}, "weighting='gradnorm' is not known"),
    ({"aggregator": "mgda"}, "aggregator='mgda' is not known"),
    ({"aggregator": "upgrad", "trunk": "ple"}, "a trunk that tasks share"),
    ({"hidden_layer_sizes": (8, 0)}, "must hold positive integers"),
    ({"learning_rate_init": -1.0}, "must be positive"),
    ({"learning_rate_init": 1e30}, "training diverged"),
    ({"validation_fraction": 1.0}, "between 0 and 1"),
    ({"device": "abacus"}, "device='abacus' is not there"),
    ({"batch_size": 0}, "positive number of rows"),
    ({"max_epochs": 0}, "at least 1"),
    ({"max_epochs": 2.5}, "max_epochs=2.5 must be a whole number"),
    ({"max_epochs": "many"}, "max_epochs='many' must be a whole number"),
    ({"dropout": 1.0}, r"dropout=1.0 must lie in \[0, 1\)"),
    ({"weight_decay": -1.0}, "weight_decay=-1.0 must be 0 or more"),
    ({"heads": "mean_tied", "tie": -1.0}, "tie=-1.0 must be 0 or more"),
    ({"rank": 0}, "rank=0 must be a whole number and at least 1"),
    ({"n_iter_no_change": None}, "n_iter_no_change=None must be a whole number"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=str)
def test_bad_options_are_one_line(change, message):
    X, y, task = waves(n_rows=10)
    with pytest.raises(ValueError, match=message) as raised:
        MultiTaskMLPRegressor(**change).fit(X, y, task=task)
    assert "\n" not in str(raised.value)


def test_gaps_in_x_are_named():
    X, y, task = waves(n_rows=10)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"contains NaN in column 1, which MultiTaskMLPRegressor cannot"):
        MultiTaskMLPRegressor().fit(X, y, task=task)


def test_poor_tasks():
    X, y, task = quadrants(n_rows=30)
    kept = (task < 2) | (np.arange(len(y)) == len(y) - 1)
    model = MultiTaskMLPClassifier((8,), max_epochs=5).fit(X[kept], y[kept], task=task[kept])
    assert np.isfinite(model.predict_proba(X, task=task)).all()
    labels = np.where((task == 0) & (X[:, 0] > 1), "third", y)  # a class that one task alone has
    three = MultiTaskMLPClassifier((8,), max_epochs=5).fit(X, labels, task=task)
    probability = three.predict_proba(X, task=task)
    assert probability.shape == (len(X), 3)
    assert (probability > 0).all()
    with pytest.raises(ValueError, match="fit has not seen"):
        three.predict(X[:1], task=[9])


WITHOUT_TORCH = [
    MultiTaskMLPRegressor(),
    MultiTaskMLPClassifier(),
    FineTunedNetRegressor(),
    FineTunedNetClassifier(),
    Distilled(Ridge()),
]


@pytest.mark.parametrize("model", WITHOUT_TORCH, ids=lambda model: type(model).__name__)
def test_without_torch_one_line_says_what_to_install(model, monkeypatch):
    X, y, _ = waves(n_rows=10)
    monkeypatch.setitem(sys.modules, "torch", None)
    line = rf'^{type(model).__name__} needs PyTorch, .* pip install "crosstask\[neural\]"\.$'
    with pytest.raises(ImportError, match=line):
        model.fit(X, y > 0)


def test_rows_held_out_are_a_share_of_every_task_and_class():
    task = np.repeat(np.arange(4), [50, 10, 2, 1])
    y = np.tile([0, 0, 0, 1], 16)[: len(task)]
    rows = open_fit(MultiTaskMLPClassifier(), np.zeros((len(task), 1)), y, task=task)
    data = TaskData.from_rows(rows, rows.X, y, n_classes=2).with_prior_rows()
    held = hold_out(data, 0.2, np.random.default_rng(0))
    for t in range(4):
        for label in (0, 1):
            cell = (data.codes == t) & (data.y == label) & (data.order >= 0)
            n = cell.sum()
            assert held[cell].sum() == min(np.floor(0.2 * n + 0.5), max(n - 1, 0))
    assert not held[data.order < 0].any()
    assert (data.order < 0).any()


def test_a_thousand_tasks_are_dealt_out_whole(monkeypatch):
    seen = []
    monkeypatch.setattr(training, "epochs_of_tasks", lambda *given: seen.append(given) or epochs_of_tasks(*given))
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(3000, 2)), np.repeat(np.arange(1000), 3)
    y = X[:, 0] + task / 100
    model = MultiTaskMLPRegressor((8,), max_epochs=30, learning_rate_init=0.01).fit(X, y, task=task)
    assert len(seen) == 1
    assert np.corrcoef(model.predict(X, task=task) - task / 100, X[:, 0])[0, 1] > 0.9


def test_without_torchjd_one_line_says_what_to_install(monkeypatch):
    X, y, task = waves(n_rows=10)
    real = builtins.__import__

    def absent(name, *given, **options):
        if name.startswith("torchjd"):
            raise ImportError(name)
        return real(name, *given, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ImportError, match="aggregator= needs torchjd"):
        MultiTaskMLPRegressor(aggregator="upgrad").fit(X, y, task=task)


def test_inside_the_guard():
    X, y, task = waves()
    guard = ct.TransferGuard(
        [("own", ct.IndependentTasks(Ridge())), ("net", MultiTaskMLPRegressor((16,), **QUICK))], cv=2, random_state=0
    ).fit(X, y, task=task)
    held = guard.candidate_losses_["net"] < guard.candidate_losses_["own"]
    assert held.all()

"""Fine-tuning of networks: the probe, the layers, the penalty, and what may be a source."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from tests.neural.problems import quadrants, waves
from torch import nn

import crosstask as ct
from crosstask.neural import (
    Distilled,
    FineTunedNetClassifier,
    FineTunedNetRegressor,
    MultiTaskMLPClassifier,
    MultiTaskMLPRegressor,
)
from crosstask.neural import _train as training
from crosstask.neural._layers import hold_to_source, layers_of, rate_groups, unfreeze_from_the_top


@pytest.fixture(scope="module")
def wave_source():
    X, y, task = waves()
    return MultiTaskMLPRegressor((16, 16), learning_rate_init=0.01, max_epochs=80).fit(X, y, task=task)


@pytest.fixture(scope="module")
def class_source():
    X, y, task = quadrants()
    return MultiTaskMLPClassifier((16, 16), learning_rate_init=0.01, max_epochs=60).fit(X, y, task=task)


def _target(n=40, seed=7):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, -1.5 * np.sin(2 * X[:, 0]) + 0.1 * rng.normal(size=n)


def test_a_few_rows_with_a_source_beat_the_same_net_without(wave_source):
    X, y = _target()
    new, truth = _target(400, seed=8)
    with_source = FineTunedNetRegressor(FrozenEstimator(wave_source)).fit(X, y).score(new, truth)
    without = FineTunedNetRegressor(hidden_layer_sizes=(16, 16)).fit(X, y).score(new, truth)
    assert with_source > max(0.7, without + 0.1)


def test_the_probe_alone_is_the_convex_solution_on_the_representation(wave_source):
    X, y = _target()
    model = FineTunedNetRegressor(FrozenEstimator(wave_source), max_epochs=0, dtype="float64").fit(X, y)
    with torch.no_grad():
        inputs = torch.as_tensor(wave_source.scaling_(wave_source, X), dtype=torch.float32)
        hidden = wave_source._network().trunk(inputs).numpy().astype(float)
    unit = np.sqrt(hidden.var(axis=0).mean())
    assert model.n_iter_ == 0
    if model.probe_.strength_[0] == 0:  # then it is plain ridge regression
        ridge = Ridge(alpha=len(y) * model.probe_.alpha_).fit(hidden / unit, y)
        np.testing.assert_allclose(model.predict(X), ridge.predict(hidden / unit), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(model.predict(X), model.probe_.predict(hidden / unit), rtol=1e-4, atol=1e-4)


def test_new_classes_get_heads_and_old_ones_stay(class_source):
    X, y, _ = quadrants(n_tasks=1, n_rows=60, seed=3)
    labels = np.where(X[:, 0] > 1, "far", y)
    model = FineTunedNetClassifier(FrozenEstimator(class_source)).fit(X, labels)
    assert model.classes_.tolist() == ["far", "opposite", "same"]
    assert model.score(X, labels) > 0.8
    one = FineTunedNetClassifier(FrozenEstimator(class_source)).fit(X[y == "same"], labels[y == "same"])
    assert set(one.classes_) >= {"same", "opposite"}
    assert (one.predict_proba(X) > 0).all()
    other = FineTunedNetClassifier(FrozenEstimator(class_source)).fit(X, np.where(X[:, 0] > 0, 1, 2))
    assert other.classes_.tolist() == [1, 2]


def test_frozen_layers_stay_and_the_penalty_holds(wave_source):
    X, y = _target()
    settings = {"max_epochs": 30, "early_stopping": False, "learning_rate_init": 0.01}
    start = {name: value for name, value in wave_source.state_.items() if name.startswith("trunk")}

    def moved(**changes):
        model = FineTunedNetRegressor(FrozenEstimator(wave_source), **settings, **changes).fit(X, y)
        return {name: float(np.abs(model.state_[name] - value).max()) for name, value in start.items()}

    frozen = moved(frozen_layers=1)
    assert frozen["trunk.layers.0.weight"] == 0.0
    assert frozen["trunk.layers.1.weight"] > 0.0
    loose, tight = moved(l2_sp=0.0), moved(l2_sp=100.0)
    assert sum(tight.values()) < 0.5 * sum(loose.values())
    slow = moved(layer_decay=0.05)
    assert slow["trunk.layers.0.weight"] < 0.2 * loose["trunk.layers.0.weight"]
    assert moved(gradual_unfreezing=True)["trunk.layers.0.weight"] > 0.0


def test_rates_penalty_and_unfreezing_by_hand():
    trunk = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 5)))
    layers, head = layers_of(trunk), [nn.Parameter(torch.ones(2))]
    assert [sum(p.numel() for p in layer) for layer in layers] == [16, 25]
    assert [group["lr"] for group in rate_groups(layers, head, 1.0, 0.5)] == [1.0, 0.5, 0.25]
    penalty = hold_to_source(head, 3.0)
    with torch.no_grad():
        head[0] += 2.0
    assert penalty().item() == pytest.approx(0.5 * 3.0 * 8.0)
    before_epoch = unfreeze_from_the_top(layers)
    free = []
    for done in range(3):
        before_epoch(done)
        free.append([layer[0].requires_grad for layer in layers])
    assert free == [[False, False], [False, True], [True, True]]


def test_forgetting_is_measured_under_the_sources_own_head(wave_source):
    X, y, task = waves()
    new, truth = _target()
    model = FineTunedNetRegressor(
        FrozenEstimator(wave_source),
        max_epochs=60,
        early_stopping=False,
        learning_rate_init=0.03,
        layer_decay=1.0,
        l2_sp=0,
    ).fit(new, truth)
    measured = model.forgetting(X, y, task=task)
    assert measured["before"] == pytest.approx(wave_source.score(X, y, task=task))
    assert measured["after"] < measured["before"]
    still = FineTunedNetRegressor(FrozenEstimator(wave_source), max_epochs=0).fit(new, truth)
    assert still.forgetting(X, y, task=task)["after"] == pytest.approx(measured["before"], abs=1e-6)
    with pytest.raises(ValueError, match="needs a source with a head"):
        FineTunedNetRegressor(nn.Linear(3, 4)).fit(new, truth).forgetting(X, y)


def test_a_tuned_net_a_student_and_a_search_are_sources_too(wave_source):
    X, y = _target()
    tuned = FineTunedNetRegressor(FrozenEstimator(wave_source), max_epochs=3).fit(X, y)
    again = FineTunedNetRegressor(FrozenEstimator(tuned), max_epochs=0).fit(X, y)
    for name, value in tuned.state_.items():
        if name.startswith("trunk"):
            np.testing.assert_array_equal(again.state_[name], value)
    head = tuned._network().heads.weight.detach().numpy() * tuned.scale_
    prior = again.probe_.source.coef if hasattr(again.probe_.source, "coef") else again.probe_.source[0].coef
    np.testing.assert_allclose(np.ravel(prior) / np.ravel(head), np.ravel(prior)[0] / np.ravel(head)[0], rtol=1e-5)
    assert set(again.forgetting(X, y)) == {"before", "after"}
    student = Distilled(Ridge(), MultiTaskMLPRegressor((8,), max_epochs=2)).fit(X, y)
    search = GridSearchCV(MultiTaskMLPRegressor((8,), max_epochs=2), {"rank": [1]}, cv=2).fit(X, y)
    for source, net in ((student, student.student_), (search, search.best_estimator_)):
        model = FineTunedNetRegressor(FrozenEstimator(source), max_epochs=0).fit(X, y)
        np.testing.assert_array_equal(model.state_["trunk.layers.0.weight"], net.state_["trunk.layers.0.weight"])
    with pytest.raises(ValueError, match=r"source holds 2 networks, .*pool_sources=True"):
        FineTunedNetRegressor([FrozenEstimator(wave_source)] * 2).fit(X, y)
    with pytest.raises(NotFittedError, match=r"the source, a MultiTaskMLPRegressor, is not fitted: .*Froz"):
        FineTunedNetRegressor(MultiTaskMLPRegressor()).fit(X, y)


def test_ctrl_c_ends_the_tuning_and_keeps_the_best_weights(wave_source, monkeypatch):
    X, y = _target()
    evaluate, calls = training.evaluate, []

    def interrupted(*given):
        calls.append(1)
        if len(calls) == 4:  # the probe, two epochs, and the third
            raise KeyboardInterrupt
        return evaluate(*given)

    monkeypatch.setattr(training, "evaluate", interrupted)
    with pytest.warns(UserWarning, match="stopped by hand after 2 epochs"):
        model = FineTunedNetRegressor(FrozenEstimator(wave_source), learning_rate_init=0.01).fit(X, y)
    assert (model.history_.stopped, len(calls)) == ("by hand", 4)
    assert model.n_iter_ == model.history_.best_epoch
    assert model.score(X, y) > 0.5


def test_inside_the_guard_each_task_is_tuned_from_the_others():
    X, y, task = waves(n_rows=40)
    source = MultiTaskMLPRegressor((16, 16), learning_rate_init=0.01, max_epochs=60)
    each = ct.TransferToEach(FineTunedNetRegressor(max_epochs=3), source, pool_sources=True)
    guard = ct.TransferGuard([("own", ct.IndependentTasks(Ridge())), ("tuned", each)], cv=2, random_state=0)
    guard.fit(X, y, task=task)
    assert (guard.candidate_losses_["tuned"] < guard.candidate_losses_["own"]).any()


def test_tuned_nets_are_cloned_searched_and_saved(wave_source, tmp_path):
    X, y = _target()
    model = FineTunedNetRegressor(FrozenEstimator(wave_source), max_epochs=5)
    search = GridSearchCV(model, {"frozen_layers": [0, 1]}, cv=2).fit(X, y)
    assert set(search.best_params_) == {"frozen_layers"}
    fitted = clone(model).fit(X, y)
    again = ct.load(ct.save(fitted, tmp_path / "tuned.skops"))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_a_module_as_source_and_images():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 1, 5, 5))
    y = (X[:, 0, 2, 2] > 0).astype(int)
    trunk = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten())
    before = [value.clone() for value in trunk.parameters()]
    model = FineTunedNetClassifier(trunk, learning_rate_init=0.01).fit(X, y)
    assert model.score(X, y) > 0.85
    assert all(torch.equal(a, b) for a, b in zip(before, trunk.parameters(), strict=True))
    with pytest.raises(ValueError, match=r"rows of shape \(1, 4, 4\)"):
        model.predict(X[:, :, :4, :4])


def test_bad_sources_are_one_line(wave_source):
    X, y = _target(12)
    odd = MultiTaskMLPRegressor((4,), trunk="ple", max_epochs=1).fit(X, y)
    cases = [
        (Ridge().fit(X, y), "for linear models there are crosstask.PriorRegressor"),
        (3.0, "is no network"),
        (odd, "whose representation differs by task"),
    ]
    for source, message in cases:
        with pytest.raises(ValueError, match=message):
            FineTunedNetRegressor(source).fit(X, y)
    with pytest.raises(ValueError, match="the source was fitted on 3 columns, X has 2"):
        FineTunedNetRegressor(FrozenEstimator(wave_source)).fit(X[:, :2], y)
    with pytest.raises(ValueError, match="the source has no task 9"):
        FineTunedNetRegressor(FrozenEstimator(wave_source), source_task=9).fit(X, y)
    for change, message in (
        ({"layer_decay": 0.0}, "layer_decay"),
        ({"l2_sp": -1.0}, "l2_sp"),
        ({"early_stopping": "maybe"}, "early_stopping='maybe'"),
        ({"max_epochs": -1}, "max_epochs"),
    ):
        with pytest.raises(ValueError, match=message):
            FineTunedNetRegressor(**change).fit(X, y)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "float16"}, "dtype='float16' is not known"),
        ({"frozen_layers": -1}, "frozen_layers=-1 must be 0 or more"),
        ({"learning_rate_init": -1.0}, "learning_rate_init=-1.0 must be positive"),
        ({"batch_size": 0}, "batch_size=0 must be a positive number of rows"),
        ({"validation_fraction": 2.0}, "validation_fraction=2.0 must lie between 0 and 1"),
        ({"l2_sp": "much"}, "l2_sp='much' must be 0 or more"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    X = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(ValueError, match=words):
        FineTunedNetRegressor(**options).fit(X, X[:, 0])

"""Fine-tuning of networks, distillation, and frozen encoders."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from tests.neural.problems import quadrants, waves
from torch import nn

import crosstask as ct
from crosstask.neural import (
    Distilled,
    FineTunedNetClassifier,
    FineTunedNetRegressor,
    FrozenEncoder,
    MultiTaskMLPClassifier,
    MultiTaskMLPRegressor,
)
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


def test_a_student_follows_its_teacher():
    X, y, task = waves()
    forest = RandomForestRegressor(20, min_samples_leaf=3, random_state=0)
    student = MultiTaskMLPRegressor((32,), learning_rate_init=0.01, max_epochs=80)
    lines = ct.IndependentTasks(Ridge())
    model = Distilled(lines, student, mix=1.0).fit(X, y, task=task)
    assert np.corrcoef(model.predict(X, task=task), model.teacher_answers_)[0, 1] > 0.9
    apart = Distilled(forest, student, mix=0.0).fit(X, y, task=task)
    plain = clone(student).fit(X, y, task=task)
    np.testing.assert_array_equal(apart.predict(X, task=task), plain.predict(X, task=task))


def test_a_student_of_soft_labels(tmp_path):
    X, y, task = quadrants()
    student = MultiTaskMLPClassifier((32,), learning_rate_init=0.01, max_epochs=60)
    model = Distilled(RandomForestClassifier(20, random_state=0), student, mix=0.3, unseen_task="mean")
    model.fit(X, y, task=task)
    assert model.score(X, y, task=task) > 0.75
    np.testing.assert_allclose(model.teacher_answers_.sum(axis=1), 1.0)
    assert np.isfinite(model.predict_proba(X[:2], task=[9, 9])).all()
    again = ct.load(ct.save(model, tmp_path / "student.skops"))
    np.testing.assert_array_equal(again.predict(X, task=task), model.predict(X, task=task))
    assert not hasattr(Distilled(Ridge()), "predict_proba")
    for change, message in (
        ({"mix": 2.0}, "mix=2.0"),
        ({"temperature": 0.0}, "temperature"),
        ({"student": MultiTaskMLPRegressor()}, "this teacher needs a MultiTaskMLPClassifier"),
    ):
        with pytest.raises(ValueError, match=message):
            Distilled(LogisticRegression()).set_params(**change).fit(X, y)


class CountingEncoder:
    """Stands for a slow encoder."""

    def __init__(self):
        self.seen = 0

    def __call__(self, texts):
        self.seen += len(texts)
        return np.array([[len(text), text.count("e")] for text in texts], dtype=float)


def test_nothing_is_encoded_twice(tmp_path):
    encoder = CountingEncoder()
    texts = ["one", "three", "one", "seven"]
    frozen = FrozenEncoder(encoder, cache=tmp_path, name="counter", batch_size=2)
    first = frozen.fit_transform(texts)
    assert encoder.seen == 3
    np.testing.assert_array_equal(first, [[3, 1], [5, 2], [3, 1], [5, 2]])
    other = FrozenEncoder(encoder, cache=tmp_path, name="counter")
    np.testing.assert_array_equal(other.fit_transform(["seven", "nine"]), [[5, 2], [4, 1]])
    assert (encoder.seen, other.n_encoded_) == (4, 1)
    FrozenEncoder(encoder, cache=tmp_path, name="another").fit_transform(["one"])
    assert encoder.seen == 5


class Session:
    """Has what an ONNX session has."""

    def get_inputs(self):
        from types import SimpleNamespace

        return [SimpleNamespace(name="input_ids"), SimpleNamespace(name="attention_mask")]

    def run(self, names, given):
        assert set(given) == {"input_ids", "attention_mask"}
        return [np.stack([given["input_ids"], 2 * given["input_ids"]], axis=2).astype(float)]


def test_a_session_with_tokens_is_pooled_over_the_mask():
    def tokens(texts):
        width = max(map(len, texts))
        ids = np.array([[ord(c) for c in text.ljust(width)] for text in texts])
        return {"input_ids": ids, "attention_mask": (ids != 32).astype(int), "token_type_ids": ids}

    frozen = FrozenEncoder(Session(), prepare=tokens, pooling="mean")
    np.testing.assert_allclose(frozen.fit_transform(["ab", "c"]), [[97.5, 195.0], [99.0, 198.0]])
    unit = FrozenEncoder(Session(), prepare=tokens, pooling="first", normalize=True).fit_transform(["ab"])
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1.0)
    with pytest.raises(ValueError, match=r"shape \(1, 2, 2\) for 1 rows, expected \(1, k\)"):
        FrozenEncoder(Session(), prepare=tokens).fit_transform(["ab"])


def test_a_module_encodes_images_without_gradients():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten())
    X = np.random.default_rng(0).normal(size=(5, 1, 4, 4))
    found = FrozenEncoder(module, batch_size=2).fit_transform(X)
    with torch.no_grad():
        expected = module.eval()(torch.as_tensor(X, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_bad_encoders_are_one_line(tmp_path):
    for encoder, message in (
        (FrozenEncoder("bert"), "cannot be called"),
        (FrozenEncoder(len, pooling="max"), "pooling='max'"),
        (FrozenEncoder(len, cache=tmp_path), "cache= needs name="),
    ):
        with pytest.raises(ValueError, match=message):
            encoder.fit(["a"])
    with pytest.raises(ValueError, match="X is one text"):
        FrozenEncoder(CountingEncoder()).fit_transform("hello")


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


def test_a_teacher_with_a_task_column_and_tasks_of_one_row():
    X, y, task = waves(n_rows=20)
    frame = pd.DataFrame(X, columns=list("abc")).assign(site=task)
    frame.loc[0, "site"] = 9
    student = MultiTaskMLPRegressor((8,), max_epochs=3)
    teacher = ct.MultiTaskRegressor("mean_tied", alpha=0.1, task_column="site")
    model = Distilled(teacher, student, task_column="site").fit(frame, y)
    assert y[0] in model.teacher_answers_  # the only row of site 9 keeps its label
    assert np.isfinite(model.predict(frame)).all()


def test_what_a_teacher_cannot_be_asked():
    X, y, task = waves(n_rows=20)
    student = MultiTaskMLPRegressor((8,), max_epochs=2)
    with pytest.raises(ValueError, match="cv=1 must be at least 2"):
        Distilled(Ridge(), student, cv=1).fit(X, y)
    with pytest.raises(ValueError, match="X has one row"):
        Distilled(Ridge(), student).fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="y holds one class"):
        Distilled(LogisticRegression(), MultiTaskMLPClassifier((8,), max_epochs=2)).fit(
            X, np.full(60, "ill"), task=task
        )


def test_vectors_have_names_and_one_width():
    def count(texts):
        return np.array([[len(text), text.count("!")] for text in texts])

    frame = FrozenEncoder(count).set_output(transform="pandas").fit_transform(["fine", "so good!"])
    assert frame.columns.tolist() == ["frozenencoder0", "frozenencoder1"]
    with pytest.raises(ValueError, match=r"vectors of \[1, 2\] columns"):
        FrozenEncoder(lambda batch: np.zeros((len(batch), len(batch))), batch_size=2).fit_transform(["a", "b", "c"])
    with pytest.raises(ValueError, match="batch_size=0 must be at least 1"):
        FrozenEncoder(count, batch_size=0).fit(["a"])

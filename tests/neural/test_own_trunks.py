"""Trunks of the caller's own: images, words, and layers whose statistics depend on the rows beside a row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.neural.problems import waves
from torch import nn

import crosstask as ct
from crosstask.neural import (
    FineTunedNetClassifier,
    FineTunedNetRegressor,
    MultiTaskMLPClassifier,
    MultiTaskMLPRegressor,
)

QUICK = {"max_epochs": 120, "learning_rate_init": 0.01}


class TinyConvolution(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten())


def _images(n=240):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 1, 5, 5))
    return X, np.where(X[:, 0, 2, 2] > 0, "bright", "dark"), np.arange(n) % 2


def test_a_trunk_of_the_callers_own(tmp_path):
    X, y, task = _images()
    module = TinyConvolution()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    model = MultiTaskMLPClassifier(module=module, **QUICK).fit(X, y, task=task)
    assert model.score(X, y, task=task) > 0.9
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    with pytest.raises(TypeError, match="cannot be saved"):
        ct.save(model, tmp_path / "net.skops")
    made = MultiTaskMLPClassifier(module=TinyConvolution, **QUICK).fit(X, y, task=task)
    path = ct.save(made, tmp_path / "net.skops")
    from crosstask.persistence import UntrustedTypesError

    with pytest.raises(UntrustedTypesError, match="TinyConvolution"):
        ct.load(path)


def test_a_trunk_with_another_answer_is_refused():
    X, y, task = _images(12)
    with pytest.raises(ValueError, match=r"answered \(3, 4, 3, 3\) for 3 rows, expected \(3, k\)"):
        MultiTaskMLPClassifier(module=nn.Conv2d(1, 4, 3)).fit(X, y, task=task)
    with pytest.raises(ValueError, match="cannot take rows of shape"):
        MultiTaskMLPClassifier(module=nn.Linear(7, 2)).fit(X, y, task=task)
    with pytest.raises(ValueError, match="is no network"):
        MultiTaskMLPClassifier(module="resnet").fit(X, y, task=task)


class Words(nn.Module):
    """A text network: the mean of the vectors of a text's words; word 0 is padding."""

    def __init__(self):
        super().__init__()
        self.vectors = nn.Embedding(30, 8, padding_idx=0)

    def forward(self, words):
        there = (words > 0).sum(dim=1, keepdim=True).clamp(min=1)
        return self.vectors(words).sum(dim=1) / there


def _texts(n=200):
    rng = np.random.default_rng(0)
    X = rng.integers(1, 30, size=(n, 6))
    X[rng.random(X.shape) < 0.3] = 0
    good = ((X > 0) & (X < 15)).sum(axis=1) > (X >= 15).sum(axis=1)
    return X, good, np.arange(n) % 2


def test_a_trunk_of_words_gets_whole_numbers(tmp_path):
    X, y, task = _texts()
    model = MultiTaskMLPClassifier(module=Words, **QUICK).fit(X, y, task=task)
    assert model.score(X, y, task=task) > 0.9
    again = ct.load(ct.save(model, tmp_path / "words.skops"), trusted=["tests.neural.test_own_trunks.Words"])
    np.testing.assert_array_equal(again.predict_proba(X, task=task), model.predict_proba(X, task=task))
    both = MultiTaskMLPClassifier(module=Words, aggregator="upgrad", max_epochs=5).fit(X, y, task=task)
    assert np.isfinite(both.predict_proba(X, task=task)).all()
    tuned = FineTunedNetClassifier(Words, max_epochs=5).fit(X, y)
    assert np.isfinite(tuned.predict_proba(X)).all()
    for fitted, given in ((model, {"task": task[:1]}), (tuned, {})):
        with pytest.raises(ValueError, match="X has fractions, and the trunk Words takes whole numbers"):
            fitted.predict(X[:1] + 0.5, **given)
    with pytest.raises(ValueError, match="index out of range"):
        MultiTaskMLPClassifier(module=Words).fit(X + 30, y, task=task)


def _normalised():
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))


def test_no_step_of_one_row_and_no_gradients_across_tasks():
    X, y, task = waves(n_rows=11)  # 33 rows in steps of 32 would leave one over
    model = MultiTaskMLPRegressor(module=_normalised, early_stopping=False, max_epochs=3).fit(X, y, task=task)
    assert np.isfinite(model.predict(X, task=task)).all()
    with pytest.raises(ValueError, match=r"the trunk holds BatchNorm1d, .* use nn.LayerNorm"):
        MultiTaskMLPRegressor(module=_normalised, aggregator="upgrad").fit(X, y, task=task)


@pytest.mark.parametrize("change", [{"frozen_layers": 2}, {"gradual_unfreezing": True, "max_epochs": 2}], ids=str)
def test_statistics_of_a_frozen_layer_stay_as_its_weights_do(change):
    X, y, _ = waves(n_rows=20)
    torch.manual_seed(0)
    trunk = _normalised()
    settings = {"max_epochs": 5, "early_stopping": False, **change}
    model = FineTunedNetRegressor(trunk, **settings).fit(X, y)
    for name, value in trunk.state_dict().items():
        same = np.array_equal(model.state_[f"trunk.{name}"], value.numpy())
        assert same == (not name.startswith("3")), name
    moved = FineTunedNetRegressor(trunk, max_epochs=5, early_stopping=False).fit(X, y)
    assert not np.array_equal(moved.state_["trunk.1.running_mean"], trunk[1].running_mean.numpy())


def test_two_trunks_are_one_too_many():
    X, y, task = waves(n_rows=5)
    with pytest.raises(ValueError, match="module= is a trunk of its own, and trunk='mmoe' asks for another"):
        MultiTaskMLPRegressor(module=nn.Linear(3, 4), trunk="mmoe").fit(X, y, task=task)

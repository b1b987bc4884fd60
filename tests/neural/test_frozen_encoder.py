"""Frozen encoders: what they answer, what they keep, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from torch import nn

from crosstask.neural import FrozenEncoder


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


def test_vectors_have_names_and_one_width():
    def count(texts):
        return np.array([[len(text), text.count("!")] for text in texts])

    frame = FrozenEncoder(count).set_output(transform="pandas").fit_transform(["fine", "so good!"])
    assert frame.columns.tolist() == ["frozenencoder0", "frozenencoder1"]
    with pytest.raises(ValueError, match=r"vectors of \[1, 2\] columns"):
        FrozenEncoder(lambda batch: np.zeros((len(batch), len(batch))), batch_size=2).fit_transform(["a", "b", "c"])
    with pytest.raises(ValueError, match="batch_size=0 must be at least 1"):
        FrozenEncoder(count, batch_size=0).fit(["a"])


class Unpicklable(Session):
    def __reduce__(self):
        raise TypeError("a session cannot be copied")


def test_clones_share_the_encoder_so_that_folds_work():
    encoder = FrozenEncoder(Unpicklable(), prepare=_three_tokens, pooling="mean").set_output(transform="pandas")
    again = clone(encoder)
    assert again.encoder is encoder.encoder
    assert list(again.fit_transform(["ab"])) == ["frozenencoder0", "frozenencoder1"]
    texts = ["a" * (1 + k % 3) for k in range(12)]
    y = np.array([len(text) > 1 for text in texts])
    folds = cross_val_score(make_pipeline(encoder, LogisticRegression()), texts, y, cv=2)
    assert len(folds) == 2


def _three_tokens(texts):
    ids = np.array([[len(text)] * 3 for text in texts])
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def test_a_row_without_content_is_refused():
    with pytest.raises(ValueError, match=r"a row of X is .<object object at 0x.*, which shows no content"):
        FrozenEncoder(len).fit_transform([object()])


def test_a_module_keeps_its_mode_and_a_gap_is_one_line():
    module = nn.Sequential(nn.Linear(3, 2), nn.Dropout())
    module[1].eval()
    FrozenEncoder(module).fit_transform(np.ones((2, 3)))
    assert [part.training for part in module.modules()] == [True, True, False]
    for gap in (None, float("nan"), pd.NA):
        with pytest.raises(ValueError, match="X has a gap in row 1: there is nothing to encode"):
            FrozenEncoder(CountingEncoder()).fit_transform(["a", gap])

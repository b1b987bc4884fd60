"""The encoder: against scikit-learn's SimpleImputer and OneHotEncoder."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from crosstask.auto._encoder import NumericEncoder


@pytest.fixture
def gappy() -> np.ndarray:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    X[rng.random(50) < 0.3, 0] = np.nan
    X[rng.random(50) < 0.3, 2] = np.nan
    return X


def test_numbers_are_filled_and_marked_as_scikit_learn_does(gappy):
    encoder = NumericEncoder(["a", "b", "c"]).fit(gappy)
    expected = np.hstack([SimpleImputer().fit_transform(gappy), MissingIndicator().fit_transform(gappy)])
    assert_allclose(encoder.transform(gappy), expected)
    assert encoder.names_out_ == ["a", "b", "c", "a: missing", "c: missing"]


def test_categories_are_spread_as_scikit_learn_does():
    codes = np.random.default_rng(1).integers(0, 4, size=(60, 1)).astype(float)
    encoder = NumericEncoder(["level"], [["p", "q", "r", "s"]]).fit(codes)
    assert_array_equal(encoder.transform(codes), OneHotEncoder(sparse_output=False).fit_transform(codes))
    assert encoder.names_out_ == ["level=p", "level=q", "level=r", "level=s"]


def test_a_missing_category_gets_the_shares_of_the_others():
    codes = np.array([[0.0], [1.0], [2.0], [0.0], [np.nan]])
    encoded = NumericEncoder(["level"], [["p", "q", "r"]]).fit(codes).transform(codes)
    assert_allclose(encoded[-1], [0.5, 0.25, 0.25, 1.0])


def test_two_levels_make_one_column_and_codes_are_seen_both_ways():
    X = np.column_stack([np.tile([0.0, 1.0], 6), np.tile([1.0, 2.0, 4.0], 4)])
    encoder = NumericEncoder(["sex", "pain"], [["m", "f"], [1.0, 2.0, 4.0]]).fit(X)
    assert encoder.names_out_ == ["sex=m", "pain", "pain=1", "pain=2", "pain=4"]
    assert_array_equal(encoder.transform(X)[:3], [[1, 1, 1, 0, 0], [0, 2, 0, 1, 0], [1, 4, 0, 0, 1]])


def test_gaps_that_come_together_are_marked_once():
    X = np.arange(12.0).reshape(4, 3) ** 1.5
    X[1, :2] = np.nan
    assert NumericEncoder(["a", "b", "c"]).fit(X).names_out_ == ["a", "b", "c", "a and b: missing"]


def test_weights_are_repetitions(gappy):
    weight = np.random.default_rng(2).integers(0, 4, size=50)
    weighted = NumericEncoder().fit(gappy[weight > 0], sample_weight=weight[weight > 0].astype(float))
    repeated = NumericEncoder().fit(np.repeat(gappy, weight, axis=0))
    assert_allclose(weighted.transform(gappy), repeated.transform(gappy))


def test_columns_without_variation_are_left_out():
    X = np.array([[1.0, 5.0, np.nan], [2.0, 5.0, np.nan], [3.0, 5.0, np.nan]])
    assert NumericEncoder(["a", "b", "c"]).fit(X).names_out_ == ["a"]
    flat = NumericEncoder(["a", "b"]).fit(X[:, 1:])
    assert flat.transform(X[:, 1:]).shape == (3, 1)


def test_new_gaps_and_new_levels_at_predict_are_finite(gappy):
    encoder = NumericEncoder(["a", "b", "c"]).fit(gappy)
    assert np.isfinite(encoder.transform(np.full((2, 3), np.nan))).all()


def test_many_levels_are_cut_to_the_most_frequent():
    codes = np.repeat(np.arange(40.0), 2)[:, None]
    encoder = NumericEncoder(["shop"], [[f"s{k}" for k in range(40)]]).fit(codes)
    assert len(encoder.names_out_) == 30


def test_values_outside_the_range_of_fit_are_held_at_its_end():
    seen = np.array([[1.0, np.nan], [3.0, 5.0], [2.0, 7.0]])
    encoder = NumericEncoder(["a", "b"], [None, None]).fit(seen)
    beyond = encoder.transform(np.array([[-9.0, 100.0], [9.0, np.nan]]))
    assert encoder.names_out_[:2] == ["a", "b"]
    assert_allclose(beyond[:, :2], [[1.0, 7.0], [3.0, 6.0]])

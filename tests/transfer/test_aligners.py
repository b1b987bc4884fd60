"""CORAL, SubspaceAlignment and EasyAdaptFeatures against textbook solves, and LabelledRows against the plain fit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.linalg import fractional_matrix_power
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from crosstask.transfer import CORAL, EasyAdaptFeatures, LabelledRows, SubspaceAlignment

TASK = np.repeat(["a", "b", "t"], [30, 12, 20])


def rows(d: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d) for n in (30, 12, 20)]
    return np.vstack(parts)


@pytest.mark.parametrize("d", [5, 40])  # more rows than columns, and fewer
def test_coral_is_the_textbook_formula(d):
    X = rows(d)
    mapped = CORAL("t", reg_covar=0.7).fit_transform(X, task=TASK)
    target = X[TASK == "t"]
    covariance = [np.cov(X[name == TASK].T) + 0.7 * np.eye(d) for name in "abt"]
    coloured = fractional_matrix_power(covariance[2], 0.5)
    for name, own in zip("ab", covariance, strict=False):
        source = X[name == TASK]
        expected = target.mean(axis=0) + (source - source.mean(axis=0)) @ fractional_matrix_power(own, -0.5) @ coloured
        assert_allclose(mapped[name == TASK], expected, atol=1e-8)
    assert_array_equal(mapped[TASK == "t"], target)


def test_coral_gives_every_source_the_targets_moments():
    X = rows()
    mapped = CORAL("t", reg_covar=1e-10).fit_transform(X, task=TASK)
    for name in "ab":
        assert_allclose(np.cov(mapped[name == TASK].T), np.cov(X[TASK == "t"].T), atol=1e-6)
        assert_allclose(mapped[name == TASK].mean(axis=0), X[TASK == "t"].mean(axis=0))


@pytest.mark.parametrize("d", [6, 30])
def test_subspace_alignment_by_scikit_learns_pca(d):
    X = rows(d)
    aligner = SubspaceAlignment("t", n_components=3)
    mapped = aligner.fit_transform(X, task=TASK)
    axes = {name: PCA(3, svd_solver="full").fit(X[name == TASK]) for name in "abt"}
    target = axes["t"].components_
    expected = np.vstack(
        [axes[name].transform(X[name == TASK]) @ axes[name].components_ @ target.T for name in "ab"]
        + [axes["t"].transform(X[TASK == "t"])]
    )
    assert_allclose(np.abs(mapped), np.abs(expected), atol=1e-8)  # axes are known up to their sign
    assert_allclose(mapped @ mapped.T, expected @ expected.T, atol=1e-8)
    assert aligner.n_components_ == 3


def test_components_are_as_many_as_the_smallest_task_has():
    assert SubspaceAlignment("t").fit(rows(40), task=TASK).n_components_ == 11


def test_easy_adapt_features_are_the_written_out_columns():
    X = rows(2)
    made = EasyAdaptFeatures("t", shared_weight=0.5).fit_transform(X, task=TASK)
    flags = np.array([name == TASK for name in "tab"], dtype=float).T
    assert_array_equal(made, np.hstack([0.5 * X, *(X * flags[:, [k]] for k in range(3))]))
    for make in (sparse.csr_array, sparse.csc_array):
        again = EasyAdaptFeatures("t", shared_weight=0.5).fit_transform(make(X), task=TASK)
        assert sparse.issparse(again)
        assert_array_equal(again.toarray(), made)


def test_labelled_rows_leave_the_others_out():
    X = rows()
    y = X @ [1.0, -1.0, 0.5, 0.0, 0.0]
    weight = np.linspace(1, 2, len(y))
    holed = np.where(TASK == "t", np.nan, y)
    known = TASK != "t"
    model = LabelledRows(Ridge()).fit(X, holed, sample_weight=weight)
    expected = Ridge().fit(X[known], y[known], sample_weight=weight[known])
    assert_allclose(model.predict(X), expected.predict(X))
    assert model.score(X, holed, weight) == pytest.approx(expected.score(X[known], y[known], weight[known]))
    labels = np.where(TASK == "t", None, np.where(y > 0, "yes", "no"))
    classifier = LabelledRows(LogisticRegression()).fit(X, labels)
    assert classifier.classes_.tolist() == ["no", "yes"]
    assert classifier.predict_proba(X).shape == (len(X), 2)
    assert not hasattr(LabelledRows(LinearSVC()), "predict_proba")
    with pytest.raises(ValueError, match="NaN in every row"):
        LabelledRows(Ridge()).fit(X, np.full(len(X), np.nan))


@pytest.mark.parametrize(
    ("aligner", "message"),
    [
        (CORAL("t", reg_covar=0.0), r"reg_covar=0.0 must be a positive number"),
        (SubspaceAlignment("t", n_components=0), r"n_components=0 must be a whole number"),
        (EasyAdaptFeatures("t", shared_weight=-1), r"shared_weight=-1 must be a positive number"),
    ],
)
def test_bad_parameters_are_named(aligner, message):
    with pytest.raises(ValueError, match=message):
        aligner.fit(rows(), task=TASK)


def test_one_row_or_equal_rows_have_no_axes():
    X = rows()
    with pytest.raises(ValueError, match="task 'b' has 1 row, which has no covariance"):
        CORAL("t").fit(X[np.r_[:31, 42:62]], task=TASK[np.r_[:31, 42:62]])
    with pytest.raises(ValueError, match="rows that are all equal"):
        SubspaceAlignment("t").fit(np.where((TASK == "a")[:, None], 1.0, X), task=TASK)
    with pytest.raises(TypeError, match=r"X is sparse, and CORAL mixes all columns.*toarray"):
        CORAL("t").fit(sparse.csr_array(X), task=TASK)

"""Task kernels and the support vector machines on them, against scikit-learn's own on matrices built by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse import random as sparse_random
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC, SVR

from crosstask.multitask import MultiTaskSVC, MultiTaskSVR, graph_task_kernel
from crosstask.multitask.svm._dual import Settings
from crosstask.multitask.svm._interior import factors, solve_linear

B = np.array([[1.0, 0.6, 0.1], [0.6, 1.5, 0.3], [0.1, 0.3, 0.8]])


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(90, 3)), rng.integers(0, 3, size=90)
    slopes = np.array([1.0, -1.0, 0.5]) + 0.5 * rng.normal(size=(3, 3))
    y = np.einsum("ij,ij->i", X, slopes[task]) + 0.5 * task + 0.4 * rng.normal(size=90)
    return X, y, task


def by_task(maker, X, y, task, answer):
    out = np.empty(len(y), dtype=y.dtype if answer == "predict" else float)
    for t in np.unique(task):
        out[task == t] = getattr(maker().fit(X[task == t], y[task == t]), answer)(X[task == t])
    return out


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly"])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_all_ones_is_the_pooled_machine_and_a_diagonal_the_separate_ones(rows, kernel, offset):
    X, y, task = rows
    options = {"gamma": 0.3, "tol": 1e-6}
    ours = {"form": "gram", "task_offset": offset, **options}
    pooled = MultiTaskSVR(kernel, sharing=1.0, **ours).fit(X, y, task=task).predict(X, task=task)
    np.testing.assert_allclose(pooled, SVR(kernel=kernel, **options).fit(X, y).predict(X), atol=1e-6)
    apart = MultiTaskSVR(kernel, sharing=0.0, **ours).fit(X, y, task=task).predict(X, task=task)
    expected = by_task(lambda: SVR(kernel=kernel, **options), X, y, task, "predict")
    np.testing.assert_allclose(apart, expected, atol=1e-6)
    label = np.where(y > 0.5, "ill", "well")
    one = SVC(kernel=kernel, **options).fit(X, label)
    model = MultiTaskSVC(kernel, sharing=1.0, **ours).fit(X, label, task=task)
    np.testing.assert_allclose(model.decision_function(X, task=task), one.decision_function(X), atol=1e-6)
    model = MultiTaskSVC(kernel, sharing=0.0, **ours).fit(X, label, task=task)
    expected = by_task(lambda: SVC(kernel=kernel, **options), X, label, task, "decision_function")
    np.testing.assert_allclose(model.decision_function(X, task=task), expected, atol=1e-6)


def test_three_classes_are_compared_pair_by_pair_as_in_svc(rows):
    X, y, task = rows
    label = np.array(["a", "b", "c"])[np.digitize(y, [-0.5, 1.0])]
    theirs = SVC(gamma="scale", tol=1e-6, break_ties=True).fit(X, label)
    ours = MultiTaskSVC(sharing=1.0, tol=1e-6).fit(X, label, task=task)
    np.testing.assert_allclose(ours.decision_function(X, task=task), theirs.decision_function(X), atol=1e-5)
    np.testing.assert_array_equal(ours.predict(X, task=task), theirs.predict(X))


@pytest.mark.parametrize("given", ["array", "frame", "mean_tied"])
def test_the_product_kernel_is_b_times_k(rows, given):
    X, y, task = rows
    names = np.array(["n", "s", "w"])
    shuffled = [2, 0, 1]
    frame = pd.DataFrame(B, index=names, columns=names).iloc[shuffled, shuffled]
    task_kernel, matrix = {
        "array": (B, 0.7 * B + 0.3 * np.diag(np.diag(B))),
        "frame": (frame, 0.7 * B + 0.3 * np.diag(np.diag(B))),
        "mean_tied": ("mean_tied", 0.7 + 0.3 * np.eye(3)),
    }[given]
    gram = matrix[task[:, None], task] * (rbf_kernel(X, gamma=0.4) + 2.0)
    expected = SVR(kernel="precomputed", C=3.0, tol=1e-7).fit(gram, y).predict(gram)
    model = MultiTaskSVR(task_kernel=task_kernel, sharing=0.7, gamma=0.4, C=3.0, task_offset=2.0, tol=1e-7)
    model.fit(X, y, task=names[task])
    np.testing.assert_allclose(model.predict(X, task=names[task]), expected, atol=1e-6)
    np.testing.assert_allclose(model.task_kernel_, matrix)


@pytest.mark.parametrize("kernel", [RBF(0.7), rbf_kernel, lambda X, Z: (X @ Z.T + 1.0) ** 2])
def test_kernel_objects_and_callables(rows, kernel):
    X, y, task = rows
    gram = (0.5 + 0.5 * (task[:, None] == task)) * kernel(X, X)
    expected = SVR(kernel="precomputed").fit(gram, y).predict(gram)
    model = MultiTaskSVR(kernel, sharing=0.5, task_offset=0.0).fit(X, y, task=task)
    np.testing.assert_allclose(model.predict(X, task=task), expected, atol=1e-6)


@pytest.mark.parametrize("task_kernel", ["mean_tied", B])
@pytest.mark.parametrize("sharing", [0.0, 0.4, 1.0])
def test_the_linear_form_solves_the_problem_of_the_gram_form(rows, task_kernel, sharing):
    X, y, task = rows
    options = {"task_kernel": task_kernel, "sharing": sharing, "C": 0.5, "tol": 1e-7}
    weight = np.random.default_rng(1).uniform(0.5, 2.0, size=len(y))
    label = np.array(["a", "b", "c"])[np.digitize(y, [-0.5, 1.0])]
    for kind, target in ((MultiTaskSVR, y), (MultiTaskSVC, label)):
        linear = kind("linear", **options).fit(X, target, task=task, sample_weight=weight)
        gram = kind("linear", form="gram", **options).fit(X, target, task=task, sample_weight=weight)
        assert linear.solver_ == "linear"
        z = [model.machine_.decision(X, task) for model in (linear, gram)]
        np.testing.assert_allclose(z[0], z[1], atol=2e-5)  # LIBSVM keeps its matrix in single precision


def test_factors_rebuild_the_task_kernel():
    for matrix, width in ((0.3 + 0.7 * np.eye(4), 1), (B, 3)):
        diagonal, loading = factors(matrix)
        np.testing.assert_allclose(np.diag(diagonal) + loading @ loading.T, matrix, atol=1e-12)
        assert loading.shape[1] == width


def test_a_graph_penalises_differences_along_its_edges():
    A = np.array([[0.0, 2.0, 0.0], [2.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    kernel = graph_task_kernel(A, strength=3.0)
    inverse = np.linalg.inv(kernel) * 3 / np.trace(np.linalg.inv(np.eye(3) + 3.0 * (np.diag(A.sum(0)) - A)))
    w = np.array([0.3, -1.0, 2.0])
    penalty = w @ w + 3.0 * (2.0 * (w[0] - w[1]) ** 2 + (w[1] - w[2]) ** 2)
    assert w @ inverse @ w == pytest.approx(penalty)
    assert np.trace(kernel) == pytest.approx(3.0)
    np.testing.assert_allclose(graph_task_kernel(A, 1e9), np.ones((3, 3)), atol=1e-6)
    frame = pd.DataFrame(A, index=list("abc"), columns=list("abc"))
    assert list(graph_task_kernel(frame).columns) == ["a", "b", "c"]


def test_tasks_without_a_path_between_them_are_fitted_apart(rows):
    X, y, task = rows
    kernel = graph_task_kernel([[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    model = MultiTaskSVR(task_kernel=kernel, sharing=1.0, gamma=0.3, tol=1e-6).fit(X, y, task=task)
    own = SVR(C=kernel[2, 2], gamma=0.3, tol=1e-6).fit(X[task == 2], y[task == 2])
    np.testing.assert_allclose(model.predict(X, task=np.full(90, 2)), own.predict(X), atol=1e-5)


def test_sharing_is_chosen_by_what_the_tasks_have_in_common():
    rng = np.random.default_rng(3)
    X, task = rng.normal(size=(120, 4)), np.repeat(np.arange(6), 20)
    same = X[:, 0] - X[:, 1] + 0.5 * rng.normal(size=120)
    alike = MultiTaskSVR("linear", C=0.3).fit(X, same, task=task)
    assert alike.sharing_ >= 0.6
    assert alike.path_["cv_loss"].shape == (6,)
    assert alike.path_["n_folds"] == 5
    opposed = np.where(task % 2 == 0, 1.0, -1.0) * 3 * X[:, 0] + 0.1 * rng.normal(size=120)
    assert MultiTaskSVR("linear", C=0.3).fit(X, opposed, task=task).sharing_ <= 0.1


@pytest.mark.parametrize("form", ["nystroem", "random_features"])
def test_approximate_features_come_near_the_gram_form(rows, form):
    X, y, task = rows
    exact = MultiTaskSVR(sharing=0.5, gamma=0.1, C=0.3).fit(X, y, task=task)
    n_components = 90 if form == "nystroem" else 300
    close = MultiTaskSVR(sharing=0.5, gamma=0.1, C=0.3, form=form, n_components=n_components).fit(X, y, task=task)
    assert close.solver_ == form
    atol = 5e-3 if form == "nystroem" else 0.4
    np.testing.assert_allclose(close.predict(X, task=task), exact.predict(X, task=task), atol=atol)


def test_unseen_tasks(rows):
    X, y, task = rows
    new = np.full(len(X), 9)
    for form in ("gram", "linear"):
        options = {"kernel": "linear", "sharing": 0.5, "form": form}
        mean = MultiTaskSVR(unseen_task="mean", **options).fit(X, y, task=task)
        known = np.mean([mean.predict(X, task=np.full(len(X), t)) for t in range(3)], axis=0)
        np.testing.assert_allclose(mean.predict(X, task=new), known)
        pooled = MultiTaskSVR(unseen_task="pooled", **options).fit(X, y, task=task)
        np.testing.assert_allclose(pooled.predict(X, task=new), SVR(kernel="linear").fit(X, y).predict(X), atol=5e-3)


def test_a_task_of_one_row_or_one_class_is_served(rows):
    X, y, _ = rows
    task = np.array(["a"] * 60 + ["b"] * 29 + ["c"])
    for sharing in (0.0, 0.5):
        assert np.isfinite(MultiTaskSVR(sharing=sharing).fit(X, y, task=task).predict(X, task=task)).all()
    assert MultiTaskSVR(sharing=0.0).fit(X, y, task=task).predict(X[:1], task=["c"]) == pytest.approx(y[-1])
    label = np.where(y > 0.5, "ill", "well")
    label[60:] = "well"
    alone = MultiTaskSVC(sharing=0.0).fit(X, label, task=task)
    assert (alone.predict(X, task=np.full(90, "b")) == "well").all()


def test_class_weights_multiply_c(rows):
    X, y, _ = rows
    label = np.where(y > 1.5, "ill", "well")
    theirs = SVC(class_weight="balanced", tol=1e-6).fit(X, label)
    ours = MultiTaskSVC(class_weight="balanced", tol=1e-6).fit(X, label)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task_kernel": np.eye(2)}, r"shape \(2, 2\), but there are 3 tasks: .*'n', 's', 'w', in this order"),
        ({"task_kernel": [[1, 2, 0], [2, 1, 0], [0, 0, 1]]}, "task_kernel is not positive semidefinite.* -1 "),
        ({"task_kernel": [[1, 0.5, 0], [0, 1, 0], [0, 0, 1]]}, "must be symmetric"),
        ({"task_kernel": np.diag([1.0, 0.0, 1.0])}, "zero for task 's'"),
        ({"task_kernel": pd.DataFrame(np.eye(2), list("ns"), list("ns"))}, "no row and column for task 'w'"),
        ({"task_kernel": "graph"}, "'graph' is not known"),
        ({"kernel": lambda X, Z: -X @ Z.T}, "kernel is not positive semidefinite: its smallest eigenvalue is -"),
        ({"kernel": "sigmoid", "coef0": -1.0}, "'sigmoid' on 90 rows is not positive semidefinite"),
        ({"kernel": lambda X, Z: X}, r"kernel returned an array of shape \(90, 3\)"),
        ({"kernel": lambda X, Z: X[:, :1] @ Z[:, 1:2].T}, "kernel is not symmetric"),
        ({"kernel": "rfb"}, "'rfb' is not known"),
        ({"gamma": "big"}, "gamma='big'"),
        ({"sharing": 1.5}, r"sharing=1.5 must lie in \[0, 1\]"),
        ({"C": 0.0}, "C=0.0 must be a positive"),
        ({"epsilon": -1.0}, "epsilon=-1.0"),
        ({"task_offset": -1.0}, "task_offset=-1.0"),
        ({"form": "linear"}, "form='linear' is for kernel='linear'"),
        ({"form": "random_features", "kernel": "poly"}, "random features are for 'rbf'"),
        ({"n_components": 0}, "n_components=0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(rows, options, words):
    X, y, task = rows
    with pytest.raises(ValueError, match=words) as error:
        MultiTaskSVR(**options).fit(X, y, task=np.array(["n", "s", "w"])[task])
    assert "\n" not in str(error.value)


def test_one_class_in_each_task_leaves_nothing_to_learn(rows):
    X, _, task = rows
    label = np.array(["ill", "well", "ill"])[task]
    with pytest.raises(ValueError, match=r"each of the 3 tasks.* holds one class.*set sharing above 0, or"):
        MultiTaskSVC(sharing=0.0).fit(X, label, task=task)
    with pytest.raises(ValueError, match="set sharing above 0 \\('auto' chose 0"):
        MultiTaskSVC().fit(X, label, task=task)


@pytest.mark.parametrize(
    ("graph", "words"),
    [(np.ones((2, 3)), r"shape \(2, 3\)"), ([[0, -1], [-1, 0]], "symmetric"), ([[0, 1], [0, 0]], "symmetric")],
)
def test_graphs_that_are_none(graph, words):
    with pytest.raises(ValueError, match=words):
        graph_task_kernel(graph)
    with pytest.raises(ValueError, match="strength=-1"):
        graph_task_kernel(np.zeros((2, 2)), -1)


def test_too_few_steps_are_reported(rows):
    X, y, task = rows
    with pytest.warns(ConvergenceWarning, match=r"after 3 steps"):
        MultiTaskSVR("linear", sharing=0.5, C=10.0, max_iter=3).fit(X, y, task=task)


@pytest.mark.parametrize(
    ("kernel", "form"),
    [("linear", "linear"), ("linear", "gram"), ("rbf", "gram"), ("poly", "gram"), ("rbf", "nystroem")],
)
def test_sparse_rows_are_the_dense_ones(rows, kernel, form):
    X, y, task = rows
    X = np.where(np.abs(X) < 0.7, 0.0, X)
    options = {"form": form, "n_components": 40, "sharing": 0.4, "tol": 1e-6}
    for model, target in ((MultiTaskSVR(kernel, **options), y), (MultiTaskSVC(kernel, **options), y > 0.5)):
        dense = model.fit(X, target, task=task)
        answer = dense.predict if target is y else dense.decision_function
        expected = answer(X, task=task)
        thin = model.fit(csr_matrix(X), target, task=task)
        answer = thin.predict if target is y else thin.decision_function
        np.testing.assert_allclose(answer(csr_matrix(X), task=task), expected, atol=2e-6)


def test_the_linear_form_solves_sparse_rows_as_dense_ones(rows):
    X, y, task = rows
    X = np.where(np.abs(X) < 0.7, 0.0, X)
    settings = Settings(0.5, 0.1, 1e-7, -1, 200)
    dense, thin = (solve_linear(x, task, y, np.ones(90), B, settings) for x in (X, csr_matrix(X)))
    np.testing.assert_allclose(thin[0], dense[0], atol=1e-9)
    assert thin[1] == pytest.approx(dense[1], abs=1e-9)


def test_sparse_rows_of_all_tasks_together_are_scikit_learns(rows):
    X, y, task = rows
    thin = csr_matrix(np.where(np.abs(X) < 0.7, 0.0, X))
    theirs = SVR(tol=1e-6).fit(thin, y).predict(thin)
    ours = MultiTaskSVR(sharing=1.0, tol=1e-6).fit(thin, y, task=task)
    np.testing.assert_allclose(ours.predict(thin, task=task), theirs, atol=1e-6)


def test_a_wide_table_is_served_by_its_rows():
    rng = np.random.default_rng(0)
    words = sparse_random(60, 4000, density=0.01, format="csr", random_state=0)
    y = np.asarray(words[:, :50].sum(axis=1)).ravel() + 0.01 * rng.normal(size=60)
    model = MultiTaskSVR("linear", sharing=0.5).fit(words, y, task=np.arange(60) % 2)
    assert model.solver_ == "gram"
    assert MultiTaskSVR("linear", sharing=0.5).fit(words[:, :50], y, task=np.arange(60) % 2).solver_ == "linear"


def test_dense_kernels_refuse_sparse_rows(rows):
    X, y, task = rows
    for kernel in ("chi2", RBF(1.0)):
        with pytest.raises(TypeError, match="takes dense rows: use X"):
            MultiTaskSVR(kernel).fit(csr_matrix(np.abs(X)), y, task=task)


def test_one_row_for_each_task_is_full_sharing(rows):
    X, y, _ = rows
    model = MultiTaskSVR().fit(X[:8], y[:8], task=np.arange(8))
    assert model.sharing_ == 1.0
    assert model.path_ == {}


def test_a_polars_task_kernel_is_read_by_its_column_names(rows):
    pl = pytest.importorskip("polars", reason="polars is not installed")
    X, y, task = rows
    frame = pd.DataFrame(B, index=list("abc"), columns=list("abc"))[["b", "c", "a"]].loc[["b", "c", "a"]]
    names = np.array(["a", "b", "c"])[task]
    ours = MultiTaskSVR(task_kernel=pl.DataFrame(frame), sharing=0.7).fit(X, y, task=names)
    np.testing.assert_allclose(ours.task_kernel_, 0.7 * B + 0.3 * np.diag(np.diag(B)))

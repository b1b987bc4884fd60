from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.solvers.zoo import LOSSES, OUTPUTS, long_form, objective, related, zoo

from crosstask.couplings import FeatureNorm, Independent, MeanTied, Pooled
from crosstask.solvers import Problem, alpha_grid, path_coefficients, path_decisions, solve, solve_path
from crosstask.tasks import TaskData

EVERY = pytest.mark.parametrize("loss", LOSSES)
EACH = pytest.mark.parametrize("coupling", [Independent(), Pooled(), MeanTied(0.1), FeatureNorm()], ids=str)


def assert_same_answer(left, right, tol=1e-4):
    assert_allclose(left.objective, right.objective, rtol=1e-7)
    assert_allclose(left.coef, right.coef, atol=tol)
    assert_allclose(left.intercept, right.intercept, atol=tol)


@EVERY
@EACH
def test_every_problem_of_the_zoo_is_solved_to_its_gap(loss, coupling):
    for name, data in zoo(loss):
        problem = Problem(data, LOSSES[loss], coupling)
        for alpha in alpha_grid(problem, 7)[[0, 3, 5]]:
            answer = solve(problem, alpha, tol=1e-6)
            assert answer.gap <= 1e-6, name
            slack = 1e-4 if name == "float32" else 1e-8
            assert answer.objective == pytest.approx(objective(problem, answer), rel=slack), name
            assert np.isfinite(answer.coef).all(), name


@EVERY
@EACH
def test_weights_are_repetitions(loss, coupling):
    rng = np.random.default_rng(0)
    data = related(loss, weighted=False)
    times = rng.integers(1, 4, data.n_pairs)
    weighted = TaskData(**{**data.__getstate__(), "sample_weight": times.astype(float)})
    repeated = TaskData.from_arrays(
        np.repeat(data.X, times, axis=0),
        np.repeat(data.y, times),
        np.repeat(data.codes, times),
        n_classes=OUTPUTS[loss],
    )
    for task_weight in ("rows", "equal"):
        one, other = (Problem(d, LOSSES[loss], coupling, task_weight=task_weight) for d in (weighted, repeated))
        assert_same_answer(solve(one, 0.02, tol=1e-10), solve(other, 0.02, tol=1e-10))


@EVERY
@EACH
def test_the_order_of_tasks_and_rows_does_not_matter(loss, coupling):
    data = related(loss)
    shuffle = np.random.default_rng(0).permutation(data.n_pairs)
    renamed = np.array([2, 0, 1])[data.codes]
    other = TaskData.from_arrays(
        data.X[shuffle],
        data.y[shuffle],
        renamed[shuffle],
        sample_weight=data.sample_weight[shuffle],
        n_classes=data.n_classes,
    )
    one = solve(Problem(data, LOSSES[loss], coupling), 0.02, tol=1e-10)
    two = solve(Problem(other, LOSSES[loss], coupling), 0.02, tol=1e-10)
    assert_allclose(one.coef, two.coef[[2, 0, 1]], atol=1e-4)
    assert_allclose(one.intercept, two.intercept[[2, 0, 1]], atol=1e-4)


@EVERY
@EACH
def test_a_path_is_its_single_answers_wherever_it_starts(loss, coupling):
    problem = Problem(related(loss), LOSSES[loss], coupling)
    grid = alpha_grid(problem, 5)
    path = solve_path(problem, grid, tol=1e-10)
    for alpha, answer in zip(grid, path, strict=True):
        assert answer.alpha == alpha
        assert_same_answer(answer, solve(problem, alpha, tol=1e-10), 2e-3)
    assert_same_answer(path[1], solve(problem, grid[1], tol=1e-10, init=path[3]), 2e-3)
    slopes, intercepts = path_coefficients(problem, grid, tol=1e-10)
    assert_allclose(slopes, [answer.coef for answer in path], atol=1e-6)
    assert_allclose(intercepts, [answer.intercept for answer in path], atol=1e-6)
    z = path_decisions(problem, grid, problem.data, tol=1e-10)
    assert_allclose(z[2], problem.data.decision(path[2].coef, path[2].intercept), atol=1e-6)


@EVERY
@EACH
def test_a_task_without_rows_borrows_what_is_shared(loss, coupling):
    data = related(loss, T=4)
    left = data.take(data.codes != 2)
    answer = solve(Problem(left, LOSSES[loss], coupling), 0.02, tol=1e-9)
    expected = answer.centre if answer.centre is not None else 0.0
    assert_allclose(answer.coef[2] - expected, 0.0, atol=1e-6)
    others = left.totals / left.totals.sum()
    centre = np.average(left.X, axis=0, weights=left.sample_weight)
    at_centre = answer.coef @ centre + answer.intercept
    assert_allclose(at_centre[2], others @ at_centre, rtol=1e-9, atol=1e-9)
    gone = long_form(left)
    without = solve(Problem(gone, LOSSES[loss], coupling), 0.02, tol=1e-9)
    if not isinstance(coupling, MeanTied):  # there the empty task still has its share in the weight of the centre
        assert_allclose(answer.coef[[0, 1, 3]], without.coef, atol=1e-5)


@EACH
def test_standardized_columns_make_scales_immaterial(coupling):
    data = related(d=3)
    scales = np.array([1e-8, 1.0, 1e8])
    moved = TaskData(**{**data.__getstate__(), "X": data.X * scales}).scaled(scales)
    one, two = (solve(Problem(d, LOSSES["squared"], coupling), 0.02, tol=1e-10) for d in (data, moved))
    assert_same_answer(one, two, 1e-6)


@EACH
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_a_thousand_tasks(loss, coupling):
    data = related(loss, T=1000, n=6000, d=3)
    if loss == "logistic":
        data = data.with_prior_rows()
    problem = Problem(data, LOSSES[loss], coupling)
    assert solve(problem, alpha_grid(problem, 5)[2]).converged


def test_alpha_must_be_positive():
    problem = Problem(related(), LOSSES["squared"], MeanTied())
    for alpha in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="alpha must be positive and finite"):
            solve(problem, alpha)


def test_an_unknown_task_weight_is_named():
    with pytest.raises(ValueError, match="unknown task_weight 'size': give 'rows' or 'equal'"):
        solve(Problem(related(), LOSSES["squared"], MeanTied(), task_weight="size"), 1.0)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_too_few_iterations_warn_once_with_the_gap_and_a_cure(loss):
    problem = Problem(related(loss), LOSSES[loss], FeatureNorm())
    with pytest.warns(UserWarning, match="relative duality gap of .* raise max_iter") as caught:
        path = solve_path(problem, alpha_grid(problem, 6), max_iter=1)
    assert len(caught) == 1
    assert not path[-1].converged
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert solve(problem, alpha_grid(problem, 6)[-1]).converged


def test_separable_classes_are_the_exception_without_an_optimum():
    """The free centre runs away; the gap still says what is left. A weak centre_weight gives an optimum."""
    X = np.linspace(-1, 1, 20)[:, None]
    data = TaskData.from_arrays(X, (X[:, 0] > 0).astype(float), np.arange(20) % 2, n_classes=2)
    free = solve(Problem(data, LOSSES["logistic"], MeanTied()), 0.1)
    assert free.objective <= free.gap * Problem(data, LOSSES["logistic"], MeanTied()).null_objective
    held = solve(Problem(data, LOSSES["logistic"], MeanTied(0.1)), 0.1, tol=1e-10)
    assert np.abs(held.centre).max() < 0.2 * np.abs(free.centre).max()


@pytest.mark.parametrize("coupling", [MeanTied(), Pooled(weight=0.0)], ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_separable_classes_of_a_multinomial_are_certified_as_well(coupling, n_classes):
    """Slopes that move all outputs as one are neither penalised nor seen: they must not run away."""
    X = np.column_stack([np.linspace(-1, 1, 30), np.cos(np.arange(30.0)), np.ones(30)])
    y = np.digitize(X[:, 0], [-0.3, 0.3] if n_classes == 3 else [0.0]).astype(float)
    data = TaskData.from_arrays(X, y, np.arange(30) % 2, n_classes=n_classes)
    answer = solve(Problem(data, LOSSES["multinomial"], coupling), 0.1, max_iter=60)
    assert answer.converged
    assert np.abs(answer.coef).max() < 1e3
    assert_allclose(answer.coef.sum(axis=1), 0.0, atol=1e-5 * np.abs(answer.coef).max())


@pytest.mark.parametrize("coupling", [FeatureNorm(), MeanTied()], ids=str)
def test_a_gap_that_stands_still_ends_the_search_and_says_so(coupling):
    problem = Problem(related("logistic"), LOSSES["logistic"], coupling)
    said = "gap stays at .*, above tol=-1, .*not lower it: raise tol or alpha"  # no gap is below zero
    with pytest.warns(UserWarning, match=said) as seen:
        path = solve_path(problem, alpha_grid(problem, 3), tol=-1.0, max_iter=100_000)
    assert len(seen) == 1
    assert max(answer.n_iter for answer in path) < 1000
    assert max(answer.gap for answer in path) < 1e-12


@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_common_slopes_that_cost_nothing_are_the_shortest_of_the_best(loss):
    data = related(loss)
    doubled = TaskData(**{**data.__getstate__(), "X": np.column_stack([data.X, data.X, np.full(data.n_pairs, 3.0)])})
    one, two = (solve(Problem(d, LOSSES[loss], Pooled(weight=0.0)), 0.1, tol=1e-10) for d in (data, doubled))
    assert_allclose(two.coef[..., :4], two.coef[..., 4:8], atol=1e-6)
    assert_allclose(2.0 * two.coef[..., :4], one.coef, atol=1e-5)
    assert_allclose(two.coef[..., 8], 0.0, atol=1e-12)


def test_nothing_to_explain_is_explained_at_once():
    data = TaskData.from_arrays(np.eye(6), np.full(6, 3.0), np.arange(6) % 2)
    for coupling in (Independent(), Pooled(), MeanTied(), FeatureNorm()):
        answer = solve(Problem(data, LOSSES["squared"], coupling), 0.1)
        assert_allclose(answer.coef, 0.0, atol=1e-12)
        assert_allclose(answer.intercept, 3.0)


def test_no_column_varies():
    data = TaskData.from_arrays(np.ones((6, 2)), np.arange(6.0), np.arange(6) % 2)
    for coupling in (Independent(), Pooled(), MeanTied(), FeatureNorm()):
        problem = Problem(data, LOSSES["squared"], coupling)
        answer = solve(problem, alpha_grid(problem, 3)[1])
        assert_allclose(answer.coef, 0.0, atol=1e-12)


@pytest.mark.parametrize("coupling", [MeanTied(centre_weight=1.0), Independent(), Pooled(), FeatureNorm()], ids=str)
def test_a_task_without_rows_does_not_depend_on_where_the_columns_have_their_zero(coupling):
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(61, 3)), np.append(np.arange(60) % 3, 3)
    y = X @ [1.0, 2.0, 3.0]
    predicted = []
    for moved in (X, X + 5.0):
        data = TaskData.from_arrays(moved, y, task)
        problem = Problem(data.take(np.flatnonzero(data.codes < 3)), LOSSES["squared"], coupling)
        answer = solve(problem, 0.3, tol=1e-10)
        predicted.append(data.decision(answer.coef, answer.intercept)[-1])
    assert_allclose(predicted[0], predicted[1], atol=1e-4)

import cvxpy as cp
import numpy as np
import pytest

from crosstask.guard._simplex import minimise_convex, minimise_quadratic


def problems(kind, n_problems=6, n=5, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_problems, 12, n))
    if kind == "twins":
        A[:, :, 1] = A[:, :, 0]
    if kind == "rank one":
        A = A[:, :1]
    scale = {"huge": 1e8, "tiny": 1e-8}.get(kind, 1.0)
    return scale * np.einsum("bki,bkj->bij", A, A), scale * rng.standard_normal((n_problems, n)), A, scale


def value(Q, c, v):
    return 0.5 * np.einsum("bi,bij,bj->b", v, Q, v) + (c * v).sum(axis=1)


@pytest.mark.parametrize("kind", ["plain", "twins", "rank one", "huge", "tiny"])
def test_quadratic_reaches_the_value_of_cvxpy(kind):
    Q, c, A, scale = problems(kind)
    v = minimise_quadratic(Q, c)
    assert v.min() >= 0.0
    np.testing.assert_allclose(v.sum(axis=1), 1.0, rtol=1e-14)
    for b, reached in enumerate(value(Q, c, v)):
        x = cp.Variable(Q.shape[1])
        problem = cp.Problem(cp.Minimize(cp.sum_squares(A[b] @ x) / 2 + c[b] / scale @ x), [x >= 0, cp.sum(x) == 1])
        assert reached / scale == pytest.approx(problem.solve(solver=cp.CLARABEL), abs=1e-7)


def test_a_linear_problem_ends_in_a_corner():
    v = minimise_quadratic(np.zeros((1, 3, 3)), np.array([[2.0, -1.0, 0.5]]))
    np.testing.assert_allclose(v, [[0.0, 1.0, 0.0]], atol=1e-9)


def test_one_candidate_gets_everything_and_none_is_preferred_without_reason():
    np.testing.assert_array_equal(minimise_quadratic(np.ones((3, 1, 1)), np.ones((3, 1))), np.ones((3, 1)))
    np.testing.assert_allclose(minimise_quadratic(np.zeros((2, 4, 4)), np.zeros((2, 4))), 0.25)


def test_problems_do_not_disturb_one_another():
    Q, c, _, _ = problems("plain", n_problems=40)
    together = minimise_quadratic(Q, c)
    alone = np.vstack([minimise_quadratic(Q[[b]], c[[b]]) for b in range(len(Q))])
    np.testing.assert_allclose(together, alone, atol=1e-12)


def log_model(P):
    def model(v):
        z = np.einsum("bnc,bc->bn", P, v)
        bend = np.einsum("bni,bnj,bn->bij", P, P, 1 / z**2)
        return -np.log(z).sum(axis=1), -np.einsum("bnc,bn->bc", P, 1 / z), bend

    return model


def test_log_loss_of_mixed_probabilities_reaches_the_value_of_cvxpy():
    P = np.random.default_rng(1).uniform(1e-6, 1.0, (4, 30, 4)) ** 3 + 1e-6
    v = minimise_convex(log_model(P), np.full((4, 4), 0.25))
    reached = log_model(P)(v)[0]
    for b in range(4):
        x = cp.Variable(4)
        problem = cp.Problem(cp.Minimize(-cp.sum(cp.log(P[b] @ x))), [x >= 0, cp.sum(x) == 1])
        assert reached[b] == pytest.approx(problem.solve(solver=cp.CLARABEL), rel=1e-7)

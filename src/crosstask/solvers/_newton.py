"""Newton's method for smooth losses: a quadratic model joined exactly to the coupling, and a line search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import Coupling, ElementNorm, FeatureNorm, Independent, MeanTied, Pooled
from crosstask.losses import Logistic
from crosstask.solvers._accelerated import feature_steps, minimise_quadratic
from crosstask.solvers._block_descent import GroupDescent
from crosstask.solvers._certificate import Certificate, certify
from crosstask.solvers._closed_form import negligible
from crosstask.solvers._element_descent import ElementDescent
from crosstask.solvers._intercepts import best_intercepts, damped
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State, cold_start
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]
STRAIGHT = 1e-3  # least share of the majoriser where a row has slope and no curvature


class Model(NamedTuple):
    """q(delta) = r'delta + delta'G delta / 2 of each task after its intercepts moved along, D = K d."""

    G: Array  # (T, D, D)
    r: Array  # (T, D)
    to_intercept: Array  # (T, K, D): intercepts follow by -(shift + to_intercept delta)
    shift: Array  # (T, K)


def newton(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers by Newton's method, or its proximal form where the coupling is not quadratic."""
    if problem.coupling.rotation_invariant and problem.data.X.shape[0] < problem.data.n_features:
        turned, Q = problem.rotated()
        begin = None if init is None else State(init.V @ Q, init.b, init.objective, init.gap, init.n_iter)
        for state in newton(turned, alphas, options, begin):
            yield State(state.V @ Q.T, state.b, state.objective, state.gap, state.n_iter)
        return
    with one_blas_thread():
        state = init or cold_start(problem)
        for alpha in alphas:
            state = _descend(problem, float(alpha), options, state)
            yield state


def _descend(problem: Problem, alpha: float, options: Options, start: State) -> State:
    slopes, b = start.V, start.b
    z = problem.decision(slopes, b)
    now = certify(problem, slopes, b, z, alpha)
    step_of = _STEPS.get(type(problem.coupling), proximal_step)
    caution, n_iter = 0.0, 0
    while not options.done(alpha, State(slopes, b, now.objective, now.gap, n_iter)):
        n_iter += 1
        model = quadratic_model(problem, z, now, caution)
        left = max(min(now.gap, 0.1), 0.5 * options.tol / max(now.gap, 1e-300))  # of the gap; no more than tol asks
        delta = step_of(problem, model, slopes, alpha, left).reshape(slopes.shape)
        follow = -(model.shift + (model.to_intercept @ delta.reshape(len(slopes), -1, 1))[..., 0])
        follow *= float(problem.fit_intercept)
        moved = problem.rows.decision(delta) + follow[problem.data.codes]
        t = _line_search(problem, now, slopes, z, delta, follow, moved, alpha)
        if t == 0.0:
            if caution == 1.0:
                break
            caution = 1.0
            continue
        caution = caution / 8.0 if t == 1.0 else min(1.0, max(4.0 * caution, 0.02)) if t < 0.5 else caution
        slopes, b, z = slopes + t * delta, b + t * follow, z + t * moved
        if problem.fit_intercept and problem.n_outputs == 1:
            exact = best_intercepts(problem, z - b[problem.data.codes], b)
            b, z = exact, z + (exact - b)[problem.data.codes]
        now = certify(problem, slopes, b, z, alpha)
    return State(slopes, b, now.objective, now.gap, n_iter)


def _line_search(
    problem: Problem, now: Certificate, V: Array, z: Array, delta: Array, follow: Array, moved: Array, alpha: float
) -> float:
    """Halve the step until the objective falls by a part of what the model foretells; 0 where rounding ends it."""
    value = problem.coupling.value
    foretold = float(np.vdot(now.gradient, delta) + np.vdot(now.intercept_gradient, follow))
    foretold += alpha * (value(V + delta) - value(V))
    rounding = 1e-15 * abs(now.objective)
    t = 1.0
    for _ in range(40):
        objective = problem.value(z + t * moved) + alpha * value(V + t * delta)
        if objective <= now.objective + 1e-4 * t * min(foretold, 0.0) + rounding:
            return t
        t *= 0.5
    return 0.0


def blended_curvature(problem: Problem, z: Array, slope: Array, caution: float) -> Array:
    """Return the second derivative of each pair's loss, moved toward its majoriser by ``caution`` in [0, 1].

    With 1 the model lies above the loss and its step needs no shortening; with 0 it is Newton's. Where a row is on a
    sloping straight piece of its loss, at least a thousandth is taken: Newton's step would have no end there.
    """
    hessian = problem.curvature(z)
    straight = slope.any(axis=1) & ~hessian.any(axis=(1, 2))
    share = max(caution, STRAIGHT) if straight.any() else caution
    return hessian if share == 0.0 else (1.0 - share) * hessian + share * problem.majoriser(z)


def quadratic_model(problem: Problem, z: Array, now: Certificate, caution: float = 0.0) -> Model:
    """Second-order model of the loss in the slopes, its intercepts eliminated (Schur complement)."""
    T, K, d = now.gradient.shape
    hessian = blended_curvature(problem, z, now.row_gradient, caution)
    gram = np.zeros((T, K, d, K, d))
    cross = np.zeros((T, K, K, d))
    for k in range(K):
        for m in range(k + 1):
            _, first, second = problem.rows.second(np.ascontiguousarray(hessian[:, k, m]))
            gram[:, k, :, m], cross[:, k, m] = second, first
            gram[:, m, :, k], cross[:, m, k] = second, first
    G, r = gram.reshape(T, K * d, K * d), now.gradient.reshape(T, K * d)
    if not problem.fit_intercept:
        return Model(G, r, np.zeros((T, K, K * d)), np.zeros((T, K)))
    cross = cross.reshape(T, K, K * d)
    mass = problem.task_sums(problem.row_weight[:, None])[:, 0]
    own = damped(problem.task_sums(hessian), mass)
    both = np.concatenate([now.intercept_gradient[..., None], cross], axis=2)
    solved = cast("Array", np.linalg.solve(own, both)) if K > 1 else both / own
    shift, to_intercept = solved[..., 0], solved[..., 1:]
    swapped = cross.transpose(0, 2, 1)
    return Model(G - swapped @ to_intercept, r - (swapped @ shift[..., None])[..., 0], to_intercept, shift)


def _independent_step(problem: Problem, model: Model, V: Array, alpha: float, left: float) -> Array:
    ridge = alpha * problem.coupling.weight
    right = -(model.r + ridge * V.reshape(model.r.shape))
    solved = np.linalg.solve(model.G + ridge * np.eye(right.shape[1]), right[..., None])
    return cast("Array", solved)[..., 0]


def _pooled_step(problem: Problem, model: Model, V: Array, alpha: float, left: float) -> Array:
    ridge = alpha * problem.coupling.weight
    right = -(model.r.sum(axis=0) + ridge * V[0].reshape(-1))
    square = _pinned(problem, model.G, V).sum(axis=0) + ridge * np.eye(len(right))
    return np.repeat(_shared_step(square, right, ridge)[None], len(V), axis=0)


def _mean_tied_step(problem: Problem, model: Model, V: Array, alpha: float, left: float) -> Array:
    """delta_t = A_t e_t + (I - A_t G_t) delta_0, A = (G + a)^-1, with [sum A G + c] delta_0 = sum A e."""
    coupling = problem.coupling
    assert isinstance(coupling, MeanTied)
    ridge = alpha * coupling.weight
    W = V.reshape(model.r.shape)
    w0 = W.sum(axis=0) / (len(W) + coupling.centre_weight)
    right = -(model.r + ridge * (W - w0))
    eye = np.eye(right.shape[1])
    G = _pinned(problem, model.G, V)
    solved = np.linalg.solve(G + ridge * eye, np.concatenate([right[..., None], G], axis=2))
    own, shrink = solved[..., 0], solved[..., 1:]
    schur = shrink.sum(axis=0) + coupling.centre_weight * eye
    shared = _shared_step(schur, own.sum(axis=0), coupling.centre_weight)
    return own + shared - shrink @ shared


def _shared_step(square: Array, right: Array, ridge: float) -> Array:
    """Solve for a step that all tasks share; where nothing holds it, directions that no row has stay out."""
    if ridge > 1e-8:
        return cast("Array", np.linalg.solve(square, right))
    values, vectors = np.linalg.eigh(0.5 * (square + square.T))
    basis = vectors[:, values > negligible(values)]
    return basis @ ((basis.T @ right) / values[values > negligible(values)])


def _pinned(problem: Problem, G: Array, V: Array) -> Array:
    """Return G with a curvature where all outputs move as one, if the loss has none there.

    The slopes of the answer sum to zero over the outputs, so it costs nothing; without it, a direction that is neither
    penalised nor seen by the loss is rounding divided by rounding.
    """
    T, K, d = V.shape
    if not problem.loss.shift_invariant or K == 1:
        return G
    square = G.reshape(T, K, d, K, d)
    common = np.einsum("tkikj->tij", square)[:, None, :, None, :] / (K * (K - 1))
    return (square + common).reshape(G.shape)


def smooth_step(coupling: Coupling, model: Model, V: Array, alpha: float) -> Array:
    """Minimise the quadratic model plus alpha R exactly, for a coupling whose step has a closed form."""
    bound = cast("Problem", SimpleNamespace(coupling=coupling, loss=Logistic()))
    return _STEPS[type(coupling)](bound, model, V, alpha, 0.0)


def _block_step(problem: Problem, model: Model, V: Array, alpha: float, left: float) -> Array:
    """Minimise the quadratic model plus alpha R one feature at a time."""
    T, K, d = V.shape
    redundant = problem.loss.shift_invariant and K > 1
    gram = _pinned(problem, model.G, V).reshape(T, K, d, K, d)
    descent = GroupDescent(gram, alpha * problem.coupling.weight)
    W, gradient = np.array(V), model.r.reshape(V.shape).copy()
    total = 0.0
    for _ in range(30):
        fell = descent.round(W, gradient)
        total += fell
        if fell <= 1e-2 * left**0.5 * total:
            break
    delta = W - V
    return (delta - W.mean(axis=1, keepdims=True) if redundant else delta).reshape(T, -1)


def _element_step(problem: Problem, model: Model, V: Array, alpha: float, left: float) -> Array:
    """Minimise the quadratic model plus alpha R one slope at a time."""
    descent = ElementDescent(model.G, alpha * problem.coupling.weight)
    W, gradient = V.reshape(model.r.shape).copy(), model.r.copy()
    everywhere = np.ones(W.shape, dtype=np.bool_)
    total = 0.0
    for _ in range(30):
        fell = descent.round(W, gradient, everywhere)
        total += fell
        if fell <= 1e-2 * left**0.5 * total:
            break
    return W - V.reshape(W.shape)


def proximal_step(problem: Problem, model: Model, V: Array, alpha: float, left: float) -> Array:
    """Minimise the quadratic model plus alpha R by accelerated proximal gradient."""
    coupling = problem.coupling
    start, r = V, model.r.reshape(V.shape)
    step = feature_steps(model.G, coupling, V.shape[1])
    first: list[float] = []

    def gradient(W: Array) -> Array:
        return (model.G @ (W - start).reshape(len(W), -1, 1)).reshape(V.shape) + r

    def stop(W: Array, steps: int, last: float) -> bool:
        first.extend([last] if steps and not first else [])
        return bool(first) and last <= 0.1 * left * first[0]

    W, _ = minimise_quadratic(gradient, coupling, alpha, step, start, stop, 2000)
    return W - start


_STEPS: dict[type[Coupling], Callable[[Problem, Model, Array, float, float], Array]] = {
    Independent: _independent_step,
    Pooled: _pooled_step,
    MeanTied: _mean_tied_step,
    FeatureNorm: _block_step,
    ElementNorm: _element_step,
}

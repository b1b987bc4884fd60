"""Linear machines without a Gram matrix: a primal-dual interior point method whose steps are ridge regressions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from crosstask.multitask.svm._dual import Settings

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

_MOST_STEPS = 200
_GAP = 1e-3  # of tol: a relative duality gap; |f - f*|^2 / 2 is at most the gap
_TOWARD_THE_EDGE = 0.99
_SMALLEST_GAP = 1e-11  # beyond it rounding takes over
_REFINEMENTS = 1
_DAMPING = 1e-6  # of the mean of K_ii: a proximal term in the dual, which bounds the weights and moves no solution


@dataclass(frozen=True)
class LinearTasksProblem:
    """Rows sorted by task, and the task kernel diag(D) + F F' in its two parts."""

    blocks: list[Any]  # the rows of each task: arrays, or CSR
    offsets: Ints
    own: Array  # D, of shape (n_tasks,)
    shared: Array  # F, of shape (n_tasks, rank)

    @classmethod
    def make(cls, X: Any, codes: Ints, task_kernel: Array) -> LinearTasksProblem:
        """Bind rows, which must be sorted by task, to a task kernel."""
        offsets = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(task_kernel)))]).astype(np.intp)
        blocks = [X[a:b] for a, b in pairwise(offsets.tolist())]
        return cls(blocks, offsets, *factors(task_kernel))

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.blocks[0].shape[1])

    def cut(self, values: Array) -> list[Array]:
        """Return the values of each task's rows."""
        return np.split(values, self.offsets[1:-1])

    def sums(self, values: Array) -> Array:
        """Return X_t'v_t of each task, of shape (n_tasks, n_features)."""
        return np.stack([block.T @ own for block, own in zip(self.blocks, self.cut(values), strict=True)])

    def grams(self, weight: Array) -> Array:
        """Return X_t' diag(w_t) X_t of each task."""
        return np.stack([_gram(block, own) for block, own in zip(self.blocks, self.cut(weight), strict=True)])

    def squares(self) -> Array:
        """Return |x|^2 of each row."""
        return np.concatenate([_squares(block) for block in self.blocks])

    def diagonal(self) -> Array:
        """Return B_tt of each task."""
        return self.own + np.sum(self.shared**2, axis=1)

    def slopes(self, beta: Array) -> Array:
        """Return w_t = sum_s B_ts X_s'beta_s."""
        sums = self.sums(beta)
        return self.own[:, None] * sums + self.shared @ (self.shared.T @ sums)

    def decision(self, slopes: Array) -> Array:
        """Return x'w_t of each row."""
        return np.concatenate([block @ own for block, own in zip(self.blocks, slopes, strict=True)])


def _gram(X: Any, weight: Array) -> Array:
    if sparse.issparse(X):
        return (X.T @ X.multiply(weight[:, None]).tocsr()).toarray()
    scaled = X * np.sqrt(weight)[:, None]
    return scaled.T @ scaled


def _squares(X: Any) -> Array:
    if sparse.issparse(X):
        return np.asarray(X.power(2).sum(axis=1), dtype=np.float64).ravel()
    return np.einsum("ij,ij->i", X, X)


class Newton:
    """The factored system of one step: weighted ridge regression of all tasks, their intercept free.

    With K = Z Z', the step of (v, b) solves (I + Z'WZ) dv + Z'w db = Z'r and w'Z dv + 1'w db = 1'r + excess. The own
    parts of the tasks are eliminated one by one, which leaves a system of rank * n_features + 1 unknowns.
    """

    def __init__(self, problem: LinearTasksProblem, weight: Array) -> None:
        self.problem, self.weight = problem, weight
        d, own, F = problem.n_features, problem.own, problem.shared
        self.grams = problem.grams(weight)
        self.inverse = np.linalg.inv(np.eye(d) + own[:, None, None] * self.grams)
        reduced = self.inverse @ self.grams
        reduced = (reduced + reduced.transpose(0, 2, 1)) / 2.0
        self.first = problem.sums(weight)
        lean = np.einsum("tij,tj->ti", self.inverse, self.first)
        self.left = 1.0 - problem.decision(own[:, None] * lean)  # what the own parts leave of a constant
        rank = F.shape[1]
        system = np.empty((rank * d + 1, rank * d + 1))
        system[:-1, :-1] = np.einsum("tk,tl,tij->kilj", F, F, reduced, optimize=True).reshape(rank * d, rank * d)
        system[:-1, :-1][np.diag_indices(rank * d)] += 1.0
        system[:-1, -1] = system[-1, :-1] = (F.T @ lean).ravel()
        # 1'w - w'Z (I + Z'WZ)^-1 Z'w over the own parts, written as a sum of squares
        system[-1, -1] = weight @ self.left**2 + own @ np.sum(lean**2, axis=1)
        self.scale = 1.0 / np.sqrt(np.maximum(np.diag(system), np.finfo(float).tiny))
        self.system = system * self.scale[:, None] * self.scale

    def refined(self, right: Array, excess: float) -> tuple[Array, float]:
        """Solve, and correct the answer by what it leaves of dz = K (r - W dz) + db and 1'(r - W dz) = -excess."""
        change, intercept = self.solve(right, excess)
        for _ in range(_REFINEMENTS):
            beta = right - self.weight * change
            left = self.problem.decision(self.problem.slopes(beta)) + intercept - change
            more, shift = self.solve(-self.weight * left, excess + float(beta.sum()))
            change, intercept = change + left + more, intercept + shift
        return change, intercept

    def solve(self, right: Array, excess: float) -> tuple[Array, float]:
        """Return the steps of the decision values, intercept included, and of the intercept."""
        problem = self.problem
        own, F, d = problem.own, problem.shared, problem.n_features
        sums = problem.sums(right)
        moved = np.einsum("tij,tj->ti", self.inverse, sums)
        last = right @ self.left + excess
        answer = self.scale * np.linalg.solve(self.system, self.scale * np.append((F.T @ moved).ravel(), last))
        common, intercept = F @ answer[:-1].reshape(-1, d), float(answer[-1])
        rest = sums - np.einsum("tij,tj->ti", self.grams, common) - self.first * intercept
        slopes = common + own[:, None] * np.einsum("tij,tj->ti", self.inverse, rest)
        return problem.decision(slopes) + intercept, intercept


def factors(task_kernel: Array) -> tuple[Array, Array]:
    """Return (D, F) with task_kernel = diag(D) + F F': one column in F for mean-tying, up to n_tasks otherwise."""
    n_tasks = len(task_kernel)
    shared = float(task_kernel[0, 1]) if n_tasks > 1 else 0.0
    apart = np.diag(task_kernel) - shared
    if shared >= 0 and (apart >= 0).all() and np.array_equal(task_kernel, shared + np.diag(apart)):
        return apart, np.full((n_tasks, 1), np.sqrt(shared))
    values, vectors = np.linalg.eigh(task_kernel)
    kept = values > 1e-12 * values[-1]
    return np.zeros(n_tasks), vectors[:, kept] * np.sqrt(values[kept])


def solve_linear(
    X: Any, codes: Ints, y: Array, weight: Array, task_kernel: Array, settings: Settings
) -> tuple[Array, float, int]:
    """Return the tasks' slopes, of shape (n_tasks, n_features), the intercept that they share, and the steps.

    The dual is min .5 b'Kb - q'a over 0 <= a <= u with sum(b) = 0 and b = sum_j sign_j a_j: one variable a row for
    the hinge, two for the epsilon-insensitive loss. Each step follows Mehrotra's predictor and corrector.
    """
    order = np.argsort(codes, kind="stable")
    problem = LinearTasksProblem.make(X[order], codes[order], task_kernel)
    path = _Path(problem, y[order], settings.C * weight[order], settings.epsilon)
    most = settings.max_iter if settings.max_iter > 0 else _MOST_STEPS
    while path.gap > max(_GAP * settings.tol, _SMALLEST_GAP):
        if path.steps >= most or path.stuck:
            warnings.warn(
                f"the relative duality gap is still {path.gap:.2g} after {path.steps} steps: scale the columns of X, "
                "lower C, or raise tol or max_iter.",
                ConvergenceWarning,
                stacklevel=2,
            )
            break
        path.step()
    return path.slopes, path.intercept, path.steps


class _Path:
    """The iterate of the interior point method: dual variables a, their slacks, and the multipliers of both bounds."""

    def __init__(self, problem: LinearTasksProblem, y: Array, reach: Array, epsilon: float | None) -> None:
        self.problem, self.y, self.reach, self.epsilon = problem, y, reach, epsilon
        self.sign = np.stack([np.sign(y)] if epsilon is None else [np.ones(len(y)), -np.ones(len(y))])
        self.gain = np.ones((1, len(y))) if epsilon is None else np.stack([y - epsilon, -y - epsilon])
        self.a = np.tile(reach / 2.0, (len(self.sign), 1))
        self.room = reach - self.a
        centre = float(np.median(y))
        self.intercept = centre if epsilon is not None else 0.0
        self._look()
        pull = self.sign * (self.z + self.intercept) - self.gain
        margin = max(float(np.abs(pull).mean()), np.finfo(float).tiny)
        self.below, self.above = np.maximum(pull, 0.0) + margin, np.maximum(-pull, 0.0) + margin
        curvature = problem.squares() * np.repeat(problem.diagonal(), np.diff(problem.offsets))
        self.damping = _DAMPING * max(float(curvature.mean()), float(np.finfo(float).tiny))
        self.steps, self.stuck = 0, False

    def _look(self) -> None:
        """Recompute what follows from a: slopes, decision values and the duality gap."""
        self.beta = (self.sign * self.a).sum(axis=0)
        self.slopes = self.problem.slopes(self.beta)
        self.z = self.problem.decision(self.slopes)
        norm = float(self.beta @ self.z)
        error = self.y - self.z - self.intercept
        loss = np.maximum(1.0 - self.y * (self.z + self.intercept), 0.0)
        if self.epsilon is not None:
            loss = np.maximum(np.abs(error) - self.epsilon, 0.0)
        primal = norm / 2.0 + float(self.reach @ loss)
        dual = float((self.gain * self.a).sum()) - norm / 2.0 - self.intercept * float(self.beta.sum())
        self.gap = abs(primal - dual) / max(abs(primal), abs(dual), float(np.finfo(float).tiny))

    def step(self) -> None:
        """Go one step along the central path; where rounding makes things worse, go back and damp more."""
        before = (self.a, self.room, self.below, self.above, self.intercept)
        gap = self.gap
        self._advance()
        self.steps += 1
        if self.gap <= 3.0 * gap:
            return
        self.a, self.room, self.below, self.above, self.intercept = before
        self.damping *= 100.0
        self._look()

    def _advance(self) -> None:
        a, room, below, above = self.a, self.room, self.below, self.above
        residual = self.gain - self.sign * (self.z + self.intercept) + below - above
        weight = 1.0 / (below / a + above / room + self.damping)
        newton, excess = Newton(self.problem, weight.sum(axis=0)), float(self.beta.sum())
        mean = float((a * below).sum() + (room * above).sum()) / (2 * a.size)
        push = residual - below + above
        da, shift, dbelow, dabove = self._direction(newton, weight, push, excess, 0.0, 0.0)
        length = min(_reach(a, da), _reach(room, -da), _reach(below, dbelow), _reach(above, dabove))
        after = ((a + length * da) * (below + length * dbelow)).sum()
        after += ((room - length * da) * (above + length * dabove)).sum()
        aim = mean * (float(after) / (2 * a.size) / mean) ** 3
        low, high = (aim - da * dbelow) / a, (aim + da * dabove) / room
        da, shift, dbelow, dabove = self._direction(newton, weight, push + low - high, excess, low, high)
        inside = _TOWARD_THE_EDGE * min(_reach(a, da), _reach(room, -da))
        outside = _TOWARD_THE_EDGE * min(_reach(below, dbelow), _reach(above, dabove))
        length = min(1.0, inside, outside)
        self.a, self.room = a + length * da, room - length * da
        self.below, self.above = below + length * dbelow, above + length * dabove
        self.intercept += length * shift
        self.stuck = length < 1e-8
        self._look()

    def _direction(
        self, newton: Newton, weight: Array, push: Array, excess: float, low: Array | float, high: Array | float
    ) -> tuple[Array, float, Array, Array]:
        right = (self.sign * weight * push).sum(axis=0)
        change, intercept = newton.refined(right, excess)
        da = weight * (push - self.sign * change)
        dbelow = low - self.below - self.below / self.a * da
        dabove = high - self.above + self.above / self.room * da
        return da, intercept, dbelow, dabove


def _reach(values: Array, change: Array) -> float:
    """Return the largest step, up to 1 / _TOWARD_THE_EDGE, that keeps the values positive."""
    falling = change < 0
    most = 1.0 / _TOWARD_THE_EDGE
    return min(most, float((-values[falling] / change[falling]).min())) if falling.any() else most

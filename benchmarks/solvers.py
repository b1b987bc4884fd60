"""How exact and how fast the solvers are: School to a known optimum, beside scikit-learn and Clarabel.

Run ``python benchmarks/solvers.py``; School is read from ``$CROSSTASK_DATA/school.npz`` (default ../shared/data).
"""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import numpy as np

from crosstask.couplings import FeatureNorm, Independent, MeanTied, Pooled
from crosstask.losses import as_loss
from crosstask.solvers import Problem, alpha_grid, path_coefficients, solve, solve_path
from crosstask.tasks import TaskData, TaskRows

KNOWN = 1207559.0310  # .5 SSE + RHO |W|_21 on School, all 28 columns, no intercept, columns as they are
RHO = 12161.57
DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


def timed(work, repeat=5):
    """Return (answer, best seconds)."""
    best = np.inf
    for _ in range(repeat):
        start = time.perf_counter()
        answer = work()
        best = min(best, time.perf_counter() - start)
    return answer, best


def fresh(problem):
    """The same problem with nothing computed yet."""
    data = TaskData(**problem.data.__getstate__())
    return Problem(data, problem.loss, problem.coupling, problem.fit_intercept, problem.task_weight)


def school():
    path = DATA / "school.npz"
    if not path.exists():
        print(f"School: skipped, {path} is missing (set CROSSTASK_DATA)")
        return
    table = np.load(path)
    data = TaskData.from_arrays(table["X"].astype(float), table["y"].astype(float), table["task"])
    n = data.n_pairs
    print(f"School, {data.n_tasks} tasks, {n} rows, {data.n_features} columns, squared x FeatureNorm, rho = {RHO}")
    print(f"{'tol':>8} {'.5 SSE + rho |W|_21':>21} {'above optimum':>14} {'gap':>9} {'sweeps':>7} {'seconds':>8}")
    for tol in (1e-4, 1e-6, 1e-9):
        problem = Problem(data, as_loss("squared"), FeatureNorm(), fit_intercept=False)
        answer, seconds = timed(lambda p=problem, tol=tol: solve(fresh(p), RHO / n, tol=tol))
        residual = data.y - data.decision(answer.coef, answer.intercept)[:, 0]
        value = 0.5 * float(residual @ residual) + RHO * FeatureNorm().value(answer.coef)
        print(f"{tol:8.0e} {value:21.4f} {value / KNOWN - 1:14.1e} {answer.gap:9.1e} {answer.n_iter:7d} {seconds:8.3f}")
    assert abs(value / KNOWN - 1) < 1e-6, "School is not solved to its known optimum"


def wide_lasso():
    from sklearn.linear_model import MultiTaskLasso

    rng = np.random.default_rng(0)
    n, d, T = 300, 100, 20
    X = rng.normal(size=(n, d))
    W = np.where(rng.random((d, 1)) < 0.1, rng.normal(size=(d, T)), 0.0)
    Y = X @ W + rng.normal(size=(n, T))
    codes, rows = np.nonzero(np.isfinite(Y).T)
    given = TaskRows(X, Y[rows, codes], codes, np.arange(T), None, rows, "wide")
    problem = Problem(TaskData.from_rows(given, X, given.y), as_loss("squared"), FeatureNorm())
    alpha = alpha_grid(problem)[0] / 10
    ours, seconds = timed(lambda: solve(fresh(problem), alpha, tol=1e-8), 3)
    theirs, their_seconds = timed(lambda: MultiTaskLasso(alpha=alpha * T, tol=1e-8, max_iter=10_000).fit(X, Y), 3)
    apart = np.abs(ours.coef[:, 0] - theirs.coef_).max()
    print(f"\nwide target, {n} rows, {d} columns, {T} tasks, alpha = alpha_max / 10")
    print(f"crosstask {seconds:.4f} s, scikit-learn MultiTaskLasso {their_seconds:.4f} s (it knows that X is shared,")
    print(f"and is the better choice where every target is observed); coefficients apart {apart:.1e}")


def clarabel():
    try:
        import cvxpy as cp
    except ImportError:
        print("\ncvxpy is not installed: no comparison with an interior-point method")
        return
    data = related(4, 20, 10, "logistic")
    T, d, n = data.n_tasks, data.n_features, data.n_pairs
    problem = Problem(data, as_loss("logistic"), FeatureNorm())
    alpha = alpha_grid(problem)[0] / 10
    W, b = cp.Variable((T, d)), cp.Variable(T)
    z = cp.sum(cp.multiply(data.X, W[data.codes]), axis=1) + b[data.codes]
    loss = cp.sum(cp.logistic(z) - cp.multiply(data.y, z)) / n
    model = cp.Problem(cp.Minimize(loss + alpha * cp.sum(cp.norm(W, axis=0))))
    best, their_seconds = timed(lambda: model.solve(solver="CLARABEL"), 1)
    answer, seconds = timed(lambda: solve(fresh(problem), alpha, tol=1e-8))
    above = (answer.objective - best) / problem.null_objective
    print(f"\nlogistic x FeatureNorm, {T} tasks of 20 rows, {d} columns")
    print(f"crosstask {seconds:.4f} s with gap {answer.gap:.0e}, Clarabel {their_seconds:.2f} s; apart {above:.0e}")


def related(T, n, d, loss):
    """Tasks that share a part of their slopes."""
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(T * n, d)), np.repeat(np.arange(T), n)
    z = np.einsum("ij,ij->i", X, (rng.normal(size=d) + 0.5 * rng.normal(size=(T, d)))[task]) + rng.normal(size=T * n)
    if loss == "squared":
        return TaskData.from_arrays(X, z, task)
    noisy = z + 2.0 * rng.normal(size=T * n)
    classes = 2 if loss == "logistic" else 3
    y = (noisy > 0).astype(float) if classes == 2 else np.digitize(noisy, [-1.0, 1.0]).astype(float)
    return TaskData.from_arrays(X, y, task, n_classes=classes)


def paths():
    print("\nwhole paths of 20 alphas, milliseconds: certified to 1e-6, and as cross-validation takes them")
    heads = ("loss", "coupling", "tasks, rows, columns", "solve_path", "for CV", "largest gap")
    print("{:>12} {:>12} {:>23} {:>11} {:>8} {:>12}".format(*heads))
    shapes = {"squared": [(10, 20, 10), (139, 80, 27)], "logistic": [(4, 20, 20)], "multinomial": [(4, 20, 20)]}
    for loss, shape in [(name, shape) for name, all_of_it in shapes.items() for shape in all_of_it]:
        for coupling in (Independent(), Pooled(), MeanTied(0.01), FeatureNorm()):
            problem = Problem(related(*shape, loss), as_loss(loss), coupling)
            grid = alpha_grid(problem, 20)
            path, seconds = timed(lambda p=problem, g=grid: solve_path(fresh(p), g), 3)
            _, quick = timed(lambda p=problem, g=grid: path_coefficients(fresh(p), g), 3)
            name = type(coupling).__name__
            gap = max(answer.gap for answer in path)
            print(f"{loss:>12} {name:>12} {shape!s:>23} {1e3 * seconds:11.1f} {1e3 * quick:8.1f} {gap:12.0e}")


def main():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        school()
        wide_lasso()
        clarabel()
        paths()


if __name__ == "__main__":
    main()

"""How exact and how fast the solvers are, beside the packages that solve the same problems.

Every table is (objective - best known) / best known against seconds: interleaved runs on one thread, the least time of
several. Ours is the whole solve from arrays (sorting, moments, certificate); for a peer the fit alone, its lifted
matrix and its compilation not counted; NumPy's accelerated gradient with its moments, unless the title says otherwise.

Run ``python benchmarks/solvers.py``, or name tables: ``python benchmarks/solvers.py school wide``. School is read from
``$CROSSTASK_DATA/school.npz`` (default ../shared/data); for the peers see ``_peers.py``.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import scipy
import sklearn
from threadpoolctl import threadpool_limits

import _fista
from _race import race, timed, workers
from crosstask.couplings import FeatureNorm, TraceNorm
from crosstask.losses import Logistic, Squared
from crosstask.solvers import Problem, solve, solve_path
from crosstask.solvers._block_descent import SWEEPS, GroupDescent
from crosstask.solvers._certificate import certify
from crosstask.tasks import TaskData, TaskRows

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
TOLS = (1e-4, 1e-6, 1e-8)


def own(X, y, task, coupling, loss=None, n_classes=None):
    loss = Squared() if loss is None else loss
    return Problem(TaskData.from_arrays(X, y, task, n_classes=n_classes), loss, coupling, fit_intercept=False)


def ours(make, alpha):
    return timed(lambda tol: solve(make(), alpha, tol=tol, max_iter=100_000).coef[:, 0])


def squares(X, y, task):
    code = np.unique(task, return_inverse=True)[1]
    return lambda W: 0.5 * float(np.sum((y - np.einsum("ij,ij->i", X, W[code])) ** 2))


def read_school():
    path = DATA / "school.npz"
    if not path.exists():
        print(f"School: left out, {path} is missing (set CROSSTASK_DATA)")
        return None
    table = np.load(path)
    order = np.argsort(table["task"], kind="stable")
    return table["X"].astype(float)[order], table["y"].astype(float)[order], table["task"][order]


def school(peers):
    """.5 SSE + rho R(W), all 28 columns as they are, no intercept; optima 1207559.0310 and 1198203.6512."""
    rows = read_school()
    if rows is None:
        return
    X, y, task = rows
    n, fit = len(y), squares(X, y, task)
    rho = 12161.57
    methods = {
        "crosstask": (ours(lambda: own(X, y, task, FeatureNorm()), rho / n), TOLS),
        "NumPy FISTA": (timed(lambda tol: _fista.squared(*_fista.moments(X, y, task), rho, "feature", tol)), TOLS),
    }
    for name, tols in (("adelie", (1e-8, 1e-10, 1e-11, 1e-12)), ("skglm", (1e-4, 1e-6)), ("celer", (1e-8,))):
        if name in peers:
            given = peers[name].give(X=X, y=y, task=task, alpha=rho / n)
            methods[f"{name}, lifted"] = (peers[name].method(f"{name}_lifted", given), tols)
    race("School, FeatureNorm, rho = 12161.57", methods, lambda W: fit(W) + rho * FeatureNorm().value(W), repeat=9)
    spread = float(np.linalg.norm(_fista.moments(X, y, task)[1], 2))
    rho_trace = 0.01 * spread
    methods = {
        "crosstask": (ours(lambda: own(X, y, task, TraceNorm()), rho_trace / n), TOLS),
        "NumPy FISTA": (timed(lambda tol: _fista.squared(*_fista.moments(X, y, task), rho_trace, "trace", tol)), TOLS),
    }
    objective = lambda W: fit(W) + rho_trace * TraceNorm().value(W)  # noqa: E731
    race("School, TraceNorm, rho = .01 of the largest singular value", methods, objective, repeat=9)


def wide(peers):
    """A complete wide target: MultiTaskLasso."""
    from sklearn.linear_model import MultiTaskLasso

    rng = np.random.default_rng(0)
    n, d, T = 500, 2000, 20
    X = rng.normal(size=(n, d))
    Y = X @ np.where(rng.random((d, 1)) < 0.05, rng.normal(size=(d, T)), 0.0) + rng.normal(size=(n, T))
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    codes, table = np.nonzero(np.isfinite(Y).T)
    fortran, largest = np.asfortranarray(X), np.linalg.norm(X.T @ Y, axis=1).max() / n
    for share in (0.1, 0.01):
        alpha = share * largest

        def make():
            rows = TaskRows(X, Y[table, codes], codes, np.arange(T), None, table, "wide")
            return Problem(TaskData.from_rows(rows, X, rows.y), Squared(), FeatureNorm(), fit_intercept=False)

        def lasso(tol, alpha=alpha):
            model = MultiTaskLasso(alpha=alpha, tol=tol, fit_intercept=False, max_iter=100_000)
            return model.fit(fortran, Y).coef_

        methods = {"crosstask": (ours(make, alpha / T), TOLS), "scikit-learn": (timed(lasso), TOLS)}
        for name, worker in peers.items():
            given = worker.give(X=X, Y=Y, alpha=alpha)
            tols = (1e-7, 1e-9, 1e-11) if name == "adelie" else TOLS
            methods[name] = (worker.method(f"{name}_wide", given), tols)

        def objective(W, alpha=alpha):
            return 0.5 / n * float(np.sum((Y - X @ W.T) ** 2)) + alpha * FeatureNorm().value(W)

        race(f"wide target, {n} x {d}, {T} tasks, FeatureNorm, {share} of alpha_max", methods, objective)


def on_moments(G, g, yy, rho, tol):
    """Our block descent, given moments."""
    T, d = g.shape
    descent, W = GroupDescent(G[:, None, :, None, :], rho), np.zeros((T, 1, d))
    gradient = -g[:, None].copy()
    for _ in range(0, 10_000, SWEEPS):
        descent.round(W, gradient)
        rss, cross = yy + np.vdot(W, gradient - g[:, None]), np.vdot(W, g[:, None]) - yy
        scale = max(1.0, _fista.feature_dual(gradient[:, 0]) / rho)
        if 0.5 * rss * (1 + 1 / scale**2) + cross / scale + rho * FeatureNorm().value(W) <= tol * 0.5 * yy:
            break
    return W[:, 0]


def many(peers):
    """Own rows, 100 tasks of 200 rows, 500 columns, 8 of which matter."""
    del peers
    X, y, task = simulated(100, 200, 500, 8)
    fit, given = squares(X, y, task), _fista.moments(X, y, task)
    _, seconds = timed(lambda tol: _fista.moments(X, y, task))(0)
    largest = _fista.feature_dual(given[1])
    for share in (0.1, 0.01):
        rho = share * largest

        def make():
            return own(X, y, task, FeatureNorm())

        methods = {
            "crosstask": (ours(make, rho / len(y)), (1e-6,)),
            "our block descent, moments given": (timed(lambda tol, rho=rho: on_moments(*given, rho, tol)), (1e-6,)),
            "NumPy FISTA, moments given": (
                timed(lambda tol, rho=rho: _fista.squared(*given, rho, "feature", tol)),
                (1e-6,),
            ),
        }

        def objective(W, rho=rho):
            return fit(W) + rho * FeatureNorm().value(W)

        title = f"own rows, 100 tasks x 200 rows x 500 columns, FeatureNorm, {share} of alpha_max"
        race(f"{title}\n(the moments that FISTA is given took {seconds:.2f} s)", methods, objective, repeat=3)


def simulated(T, n, d, used, correlation=0.0):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(T * n, d))
    for j in range(1, d if correlation else 0):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1.0 - correlation**2) * X[:, j]
    task, W = np.repeat(np.arange(T), n), np.zeros((T, d))
    W[:, rng.permutation(d)[:used]] = rng.normal(size=(T, used))
    return X, np.einsum("ij,ij->i", X, W[task]) + rng.normal(size=T * n), task


def thin(peers):
    """More columns than rows: time, and memory beside the data."""
    X, y, task = simulated(20, 100, 5000, 8)
    fit, largest = squares(X, y, task), _fista.feature_dual(_gradient(X, y, task))
    for share in (0.1, 0.01):
        rho = share * largest
        methods = {"crosstask": (ours(lambda: own(X, y, task, FeatureNorm()), rho / len(y)), TOLS)}
        if "adelie" in peers:
            given = peers["adelie"].give(X=X, y=y, task=task, alpha=rho / len(y))
            methods["adelie, lifted"] = (peers["adelie"].method("adelie_lifted", given), (1e-8, 1e-10, 1e-12))
        objective = lambda W, rho=rho: fit(W) + rho * FeatureNorm().value(W)  # noqa: E731
        race(f"own rows, 20 tasks x 100 rows x 5000 columns, FeatureNorm, {share}", methods, objective, repeat=2)
        tracemalloc.start()
        solve(own(X, y, task, FeatureNorm()), rho / len(y), max_iter=100_000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"memory at its peak, the data counted: {1 + peak / X.nbytes:.2f} times the data")


def _gradient(X, y, task):
    return np.stack([X[task == t].T @ y[task == t] for t in np.unique(task)])


def logistic(peers):
    """10 000 rows, 50 tasks of 200, 100 columns."""
    del peers
    for correlation in (0.0, 0.95):
        X, z, task = simulated(50, 200, 100, 10, correlation)
        passes(own(X, (z > 0).astype(float), task, FeatureNorm(), Logistic(), 2))
        for norm, coupling in (("feature", FeatureNorm()), ("trace", TraceNorm())):
            for share in (0.1, 0.01):
                title = f"logistic, {norm} norm, columns of correlation {correlation}, {share} of alpha_max"
                logistic_race(title, X, (z > 0).astype(float), task, norm, coupling, share)


def passes(problem):
    """Print what the pieces of any method cost: a gradient, a certificate, a second derivative."""
    V = np.zeros((problem.data.n_tasks, 1, problem.data.n_features))
    z = problem.decision(V, problem.null_intercept)
    h = problem.curvature(z)[:, 0, 0] * np.linspace(0.5, 1.0, len(z))  # unequal, as it is everywhere but at zero
    pieces = {
        "a gradient": lambda: problem.rows.adjoint(problem.gradient(problem.decision(V, problem.null_intercept))),
        "a certificate": lambda: certify(problem, V, problem.null_intercept, z, 1e-3),
        "a second derivative": lambda: problem.rows.second(h),
    }
    least = {name: min(timed(lambda tol, work=work: work())(0)[1] for _ in range(20)) for name, work in pieces.items()}
    print("\n" + ", ".join(f"{name} {1e3 * spent:.1f} ms" for name, spent in least.items()))


def logistic_race(title, X, y, task, norm, coupling, share):
    code = task.astype(int)
    alpha = share * _fista.NORMS[norm][2](_gradient(X, 0.5 - y, task) / len(y))

    def fista(restart):
        return timed(lambda tol: _fista.logistic(X, y, task, alpha, norm, tol, restart)), (1e-6,)

    def objective(W):
        margin = np.einsum("ij,ij->i", X, W[code])
        return float(np.mean(np.logaddexp(0, margin) - y * margin)) + alpha * coupling.value(W)

    methods = {
        "crosstask": (ours(lambda: own(X, y, task, coupling, Logistic(), 2), alpha), (1e-6, 1e-7)),
        "NumPy FISTA as published": fista(False),
        "NumPy FISTA with restart": fista(True),
    }
    race(title, methods, objective, repeat=3)


def paths(peers):
    """30 alphas down to 1 % of alpha_max, beside its last point alone."""
    del peers
    print("\nwhole paths of 30 alphas, from alpha_max to 1 % of it, gap 1e-6, seconds")
    print(f"{'tasks x rows x columns':26} {'path':>8} {'last alone':>11} {'ratio':>6}  algorithm")
    for shape in ((50, 200, 30), (50, 100, 300), (20, 50, 1000)):
        X, y, task = simulated(*shape, 8)
        largest = _fista.feature_dual(_gradient(X, y, task)) / len(y)
        grid = largest * np.geomspace(1.0, 0.01, 30)
        whole, last = [], []
        for _ in range(3):
            start = time.perf_counter()
            found = solve_path(own(X, y, task, FeatureNorm()), grid, max_iter=100_000)
            whole.append(time.perf_counter() - start)
            start = time.perf_counter()
            solve(own(X, y, task, FeatureNorm()), grid[-1], max_iter=100_000)
            last.append(time.perf_counter() - start)
        a, b = min(whole), min(last)
        print(f"{' x '.join(map(str, shape)):26} {a:8.3f} {b:11.3f} {a / b:6.1f}  {found[-1].solver}")


FIRST = """
import time
start = time.process_time()
import numpy as np, numba, crosstask.multitask as mt
imports = time.process_time() - start
rng = np.random.default_rng(0)
X, task = rng.normal(size=(300, {d})), np.arange(300) % 5
y = X[:, 0] + rng.normal(size=300)
fit = lambda: mt.MultiTaskRegressor("feature_norm", alpha=0.05).fit(X, y, task=task)
start = time.process_time(); fit(); first = time.process_time() - start
start = time.process_time(); fit(); print(imports, first - (time.process_time() - start))
"""


def first_fit(peers):
    """What the first fit of a fresh process costs beyond a fit."""
    del peers
    print("\nthe first fit of a fresh process, processor seconds: imports, and what the fit takes beyond a second one")
    with tempfile.TemporaryDirectory() as folder:
        for state in ("kernels compiled anew", "kernels cached"):
            for d in (20, 80):
                code, env = FIRST.format(d=d), {**os.environ, "NUMBA_CACHE_DIR": folder}
                answer = subprocess.check_output([sys.executable, "-c", code], env=env, text=True)
                imports, beyond = (float(part) for part in answer.split())
                print(f"{state:24} {d} columns: imports {imports:.2f}, beyond {beyond:.2f}")


TABLES = {f.__name__: f for f in (school, wide, many, thin, logistic, paths, first_fit)}


def main(names):
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"
    print(
        f"{versions}, scikit-learn {sklearn.__version__}; {platform.machine()}, {os.cpu_count()} cores, one thread each"
    )
    peers = workers()
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        for name in names or TABLES:
            TABLES[name](peers)


if __name__ == "__main__":
    main(sys.argv[1:])

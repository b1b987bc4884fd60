"""Peers in a Python of their own, since adelie needs NumPy 1 and celer an older scikit-learn.

Run by the Python that ``CROSSTASK_PEERS`` names (default .venv-peers, which ``make bench`` builds), and by our own for
skglm. Started by ``solvers.py``: a line of JSON {"peer", "input", "output", "tol"} comes in, the input an .npz with X,
Y and alpha; the seconds of the fit alone and the version go out, and the slopes into the output.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings

import numpy as np
from scipy import sparse


def lift(X, task):
    """Return X with a column for each feature and task, the tasks of a feature side by side."""
    tasks = np.unique(task)
    n, d = X.shape
    code = np.searchsorted(tasks, task)
    columns = (np.arange(d) * len(tasks))[None, :] + code[:, None]
    lifted = sparse.csr_matrix((X.ravel(), columns.ravel(), np.arange(0, n * d + 1, d)), shape=(n, d * len(tasks)))
    return lifted.tocsc(), len(tasks)


def skglm_wide(X, Y, alpha, tol):
    from skglm import MultiTaskLasso

    model = MultiTaskLasso(alpha=alpha, tol=tol, fit_intercept=False, max_iter=1000, max_epochs=100_000)
    X = np.asfortranarray(X)
    return lambda: model.fit(X, Y).coef_.T


def celer_wide(X, Y, alpha, tol):
    from celer import MultiTaskLasso

    model = MultiTaskLasso(alpha=alpha, tol=tol, fit_intercept=False, max_iter=1000, max_epochs=100_000)
    X = np.asfortranarray(X)
    return lambda: model.fit(X, Y).coef_.T


def adelie_wide(X, Y, alpha, tol):
    import adelie as ad

    K = Y.shape[1]
    X, Y = np.asfortranarray(X), np.asfortranarray(Y)
    options = {"intercept": False, "early_exit": False, "progress_bar": False, "tol": tol, "max_iters": 10**7}

    def fit():
        path = np.array([alpha / K])
        state = ad.grpnet(X=X, glm=ad.glm.multigaussian(Y), lmda_path=path, penalty=np.ones(X.shape[1]), **options)
        return np.asarray(state.betas[-1].todense()).reshape(X.shape[1], K)

    return fit


def skglm_lifted(X, y, task, alpha, tol):
    from skglm.datafits.group import QuadraticGroup
    from skglm.penalties.block_separable import WeightedGroupL2
    from skglm.solvers import GroupBCD
    from skglm.utils.data import grp_converter
    from skglm.utils.jit_compilation import compiled_clone

    lifted, T = lift(X, task)
    indices, starts = grp_converter(T, lifted.shape[1])
    penalty = compiled_clone(WeightedGroupL2(alpha, np.ones(X.shape[1]), starts, indices))
    datafit = compiled_clone(QuadraticGroup(starts, indices))
    solver = GroupBCD(max_iter=1000, max_epochs=100_000, tol=tol, fit_intercept=False)
    return lambda: solver.solve(lifted, y, datafit, penalty)[0].reshape(-1, T)


def celer_lifted(X, y, task, alpha, tol):
    from celer import GroupLasso

    lifted, T = lift(X, task)
    model = GroupLasso(groups=T, alpha=alpha, tol=tol, fit_intercept=False, max_iter=1000, max_epochs=100_000)
    return lambda: model.fit(lifted, y).coef_.reshape(-1, T)


def adelie_lifted(X, y, task, alpha, tol):
    import adelie as ad

    lifted, T = lift(X, task)
    matrix = ad.matrix.sparse(lifted, method="naive", n_threads=1)
    groups = np.arange(0, lifted.shape[1], T)
    options = {"intercept": False, "early_exit": False, "progress_bar": False, "tol": tol, "max_iters": 10**7}

    def fit():
        path, ones = np.array([alpha]), np.ones(len(groups))
        state = ad.grpnet(X=matrix, glm=ad.glm.gaussian(y), groups=groups, lmda_path=path, penalty=ones, **options)
        return np.asarray(state.betas[-1].todense()).reshape(-1, T)

    return fit


def main():
    warnings.simplefilter("ignore")
    ready = {}
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            key = (ask["peer"], ask["input"], ask["tol"])
            if key not in ready:
                with np.load(ask["input"]) as held:
                    given = {name: held[name] for name in held.files}
                ready[key] = globals()[ask["peer"]](**{**given, "alpha": float(given["alpha"])}, tol=ask["tol"])
                if not ask["peer"].startswith("celer_lifted"):  # compiled already, and slow
                    ready[key]()  # compiles
            start = time.perf_counter()
            coef = ready[key]()
            seconds = time.perf_counter() - start
            np.save(ask["output"], coef)
            package = ask["peer"].split("_")[0]
            answer = {"seconds": seconds, "version": f"{package} {importlib.import_module(package).__version__}"}
        except Exception as error:  # the table names it
            answer = {"error": f"{type(error).__name__}: {error}"[:150]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

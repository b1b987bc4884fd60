"""Rows of a target and of sources of every kind, for the tests of Trans-GLM."""

from __future__ import annotations

import numpy as np

ROWS = {"target": 60, "good": 60, "flipped": 60, "permuted": 60, "constant": 60}


def cases(seed, d=20, kind="regression"):
    """One target; a source that is like it, one of opposite sign, one with y shuffled, one with y constant."""
    rng = np.random.default_rng(seed)
    task = np.repeat(list(ROWS), list(ROWS.values()))
    X = rng.standard_normal((len(task), d))
    slopes = np.zeros(d)
    slopes[:4] = 1.0
    z = X @ slopes
    z[task == "flipped"] *= -1.0
    if kind == "regression":
        y = z + rng.standard_normal(len(z))
    elif kind == "counts":
        y = rng.poisson(np.exp(0.5 * z)).astype(float)
    else:
        y = (rng.random(len(z)) < 1.0 / (1.0 + np.exp(-2.0 * z))).astype(float)
    shuffled = task == "permuted"
    y[shuffled] = rng.permutation(y[shuffled])
    y[task == "constant"] = 1.0
    return X, y, task

"""Plain accelerated proximal gradient in NumPy: the stand-in for packages that solve these problems by it.

Vectorised over the tasks, one global Lipschitz constant, momentum with restart where it points uphill (unless
``restart=False``, the method as published), and the duality gap every ten steps. MALSAR and RMTL do the same in MATLAB
and R, with backtracking, without restart and without the gap.
"""

from __future__ import annotations

import numpy as np


def moments(X, y, task):
    """Return G (T, d, d), g (T, d) and y'y, rows sorted by task."""
    starts = np.flatnonzero(np.r_[True, task[1:] != task[:-1]])
    parts = [slice(a, b) for a, b in zip(starts, np.r_[starts[1:], len(y)], strict=True)]
    G = np.stack([X[p].T @ X[p] for p in parts])
    return G, np.stack([X[p].T @ y[p] for p in parts]), float(y @ y)


def feature_norm(W):
    return float(np.sqrt(np.einsum("tj,tj->j", W, W)).sum())


def feature_prox(W, cut):
    length = np.sqrt(np.einsum("tj,tj->j", W, W))
    return W * np.maximum(1.0 - cut / np.maximum(length, 1e-300), 0.0)


def feature_dual(G):
    return float(np.sqrt(np.einsum("tj,tj->j", G, G)).max())


def trace_norm(W):
    return float(np.linalg.svd(W, compute_uv=False).sum())


def trace_prox(W, cut):
    U, s, Vt = np.linalg.svd(W, full_matrices=False)
    return (U * np.maximum(s - cut, 0.0)) @ Vt


def trace_dual(G):
    return float(np.linalg.norm(G, 2))


NORMS = {"feature": (feature_norm, feature_prox, feature_dual), "trace": (trace_norm, trace_prox, trace_dual)}


def _largest(G):
    if G.shape[1] <= 150:
        return float(np.linalg.eigvalsh(G)[:, -1].max())
    v = np.random.default_rng(0).normal(size=(*G.shape[:2], 1))
    for _ in range(30):
        v = G @ (v / np.linalg.norm(v, axis=1, keepdims=True))
    return 1.05 * float(np.linalg.norm(v, axis=1).max())


def _accelerate(gradient, prox, L, W, stop, restart=True, max_iter=20_000):
    Z, t = W, 1.0
    for k in range(max_iter):
        new = prox(Z - gradient(Z) / L, 1.0 / L)
        if restart and np.vdot(Z - new, new - W) > 0:
            t, Z = 1.0, new
        else:
            s = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
            Z, t = new + (t - 1.0) / s * (new - W), s
        W = new
        if k % 10 == 9 and stop(W):
            break
    return W


def squared(G, g, yy, rho, norm, tol):
    """Minimise sum_t |X_t w_t - y_t|^2 / 2 + rho R(W) on moments, to a gap of tol times the null objective."""
    value, prox, dual = NORMS[norm]

    def gradient(W):
        return (G @ W[:, :, None])[:, :, 0] - g

    def stop(W):
        slope = gradient(W)
        rss, cross = yy + np.vdot(W, slope - g), np.vdot(W, g) - yy
        scale = max(1.0, dual(slope) / rho)
        return 0.5 * rss * (1 + 1 / scale**2) + cross / scale + rho * value(W) <= tol * 0.5 * yy

    return _accelerate(gradient, lambda W, step: prox(W, rho * step), _largest(G), np.zeros_like(g), stop)


def logistic(X, y, task, alpha, norm, tol, restart=True):
    """Minimise the mean logistic loss + alpha R(W), tasks of equal size, no intercepts, to a relative gap of tol."""
    value, prox, dual = NORMS[norm]
    T, n = len(np.unique(task)), len(y)
    X, y = X.reshape(T, n // T, -1), y.reshape(T, n // T)
    L = 0.25 / n * _largest(X.transpose(0, 2, 1) @ X)

    def slope_of(z):
        return (((1.0 / (1.0 + np.exp(-z)) - y) / n)[:, None] @ X)[:, 0]

    def stop(W):
        z = (X @ W[:, :, None])[:, :, 0]
        p = 1.0 / (1.0 + np.exp(-z))
        scale = max(1.0, dual(slope_of(z)) / alpha)
        q = np.clip(y + (p - y) / scale, 1e-300, 1 - 1e-16)
        primal = np.mean(np.logaddexp(0, z) - y * z) + alpha * value(W)
        return primal + np.mean(q * np.log(q) + (1 - q) * np.log1p(-q)) <= tol * np.log(2)

    def gradient(W):
        return slope_of((X @ W[:, :, None])[:, :, 0])

    return _accelerate(gradient, lambda W, step: prox(W, alpha * step), L, np.zeros((T, X.shape[2])), stop, restart)

"""Confidence intervals of lasso coefficients, by removing what the penalty took (van de Geer et al. 2014)."""

from __future__ import annotations

import numpy as np

from crosstask.transfer._lasso import Floats
from crosstask.transfer._lasso_cv import Rows


def desparsified(rows: Rows, coef: Floats, n_used: int) -> tuple[Floats, Floats]:
    r"""Return unbiased estimates and their standard errors for a linear model of some rows.

    :math:`\hat\theta_j = \hat w_j + z_j'r / z_j'x_j`, with r the residual of coef and :math:`z_j` what a lasso of
    column j on the others leaves; the error is :math:`\hat\sigma |z_j| / |z_j'x_j|`. Columns without variance get none.

    Parameters
    ----------
    rows : Rows
        The target's rows.
    coef : ndarray of shape (d,)
        A sparse estimate; it may come from other rows too.
    n_used : int
        Number of coefficients that these rows themselves chose, for the degrees of freedom of sigma.
    """
    from crosstask.transfer._kernels import gram_path

    n, d = rows.X.shape
    share = rows.weight / rows.weight.sum()
    centred = rows.X - share @ rows.X
    scale = np.sqrt(share @ centred**2)
    varies = scale > 1e-12 * np.maximum(np.abs(rows.X).max(axis=0), 1e-300)
    columns = centred / np.where(varies, scale, 1.0)
    residual = rows.y - rows.X @ coef
    residual = residual - share @ residual
    second = (columns.T * share) @ columns
    alpha = np.sqrt(np.log(max(d, 2)) / n)
    estimate, error = coef.copy(), np.full(d, np.nan)
    sigma = np.sqrt(float(share @ residual**2) * n / max(n - n_used - 1, 1))
    for j in np.flatnonzero(varies):
        penalty = np.ones(d)
        penalty[j] = np.inf
        node, _ = gram_path(second, second[j], penalty, np.array([2.0 * alpha, alpha]), np.zeros(d), 1e-9, 10_000)
        left = columns[:, j] - columns @ node[-1]
        along = float(share @ (left * columns[:, j]))
        estimate[j] += float(share @ (left * residual)) / along / scale[j]
        error[j] = sigma * np.sqrt(float(share**2 @ left**2)) / abs(along) / scale[j]
    return estimate, error

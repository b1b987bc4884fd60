"""Evidence of a linear model on given features: which encoder or source suits a target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_X_y

Array = NDArray[np.float64]


def log_evidence(features: Any, y: Any, *, max_iter: int = 100, tol: float = 1e-8) -> float:
    r"""Return the maximal log evidence of a Bayesian linear model of y on the features, a row (LogME).

    .. math::
        \frac1n \max_{\alpha, \beta} \log \int
            \mathcal N(y \mid F w, \beta^{-1} I)\, \mathcal N(w \mid 0, \alpha^{-1} I)\, dw

    found by MacKay's fixed point :math:`\alpha = \gamma / |m|^2`, :math:`\beta = (n - \gamma) / |y - Fm|^2` with
    :math:`\gamma = \sum_i \beta s_i / (\alpha + \beta s_i)`. Larger is better. It ranks frozen encoders, or the outputs
    of source models, for one target, without training a head and without held-out rows.

    Parameters
    ----------
    features : array-like of shape (n_rows, n_features)
        Outputs of an encoder or of source models on the target's rows.
    y : array-like of shape (n_rows,)
        Numbers, or classes: then the mean over the classes' indicator columns.
    max_iter : int, default=100
        Most iterations of the fixed point.
    tol : float, default=1e-8
        Relative change of alpha / beta at which it ends.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If features or y hold NaN, or differ in length.

    Notes
    -----
    Cost: one singular value decomposition, O(n d min(n, d)). Compare values on the same rows of the same target only.

    When not to use it: to choose between features that were made with these labels (it cannot see the leak), or between
    a linear head and anything else.

    References
    ----------
    You, Liu, Wang and Long, LogME: practical assessment of pre-trained models for transfer learning, ICML 2021.
    MacKay, Bayesian interpolation, Neural Computation 1992.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> F = rng.standard_normal((200, 5))
    >>> y = F[:, 0] + 0.1 * rng.standard_normal(200)
    >>> log_evidence(F, y) > log_evidence(F[:, 1:], y)
    True
    """
    kind = type_of_target(y)
    numeric = kind.startswith("continuous")
    F, target = check_X_y(features, y, y_numeric=numeric, dtype="float64")
    columns = target[:, None].astype(np.float64) if numeric else (target[:, None] == np.unique(target)).astype(float)
    U, s, _ = np.linalg.svd(F, full_matrices=False)
    values = [_one_column(U.T @ column, float(column @ column), s**2, len(F), max_iter, tol) for column in columns.T]
    return float(np.mean(values))


def _one_column(h: Array, yy: float, s2: Array, n: int, max_iter: int, tol: float) -> float:
    """Log evidence of one target, from its coordinates h along the left singular vectors."""
    outside = max(yy - float(h @ h), 0.0)
    floor = 1e-12 * max(yy, 1e-300)
    alpha, beta = 1.0, 1.0
    for _ in range(max_iter):
        kept = s2 / (s2 + alpha / beta)
        m2 = float((kept**2 * h**2 / np.maximum(s2, 1e-300))[s2 > 0].sum())
        residual = max(float((((1.0 - kept) * h) ** 2).sum()) + outside, floor)
        gamma = float(kept.sum())
        new_alpha = gamma / max(m2, 1e-12 * floor)
        new_beta = max(n - gamma, 1e-3) / residual
        done = abs(new_alpha / new_beta - alpha / beta) <= tol * alpha / beta
        alpha, beta = new_alpha, new_beta
        if done:
            break
    kept = s2 / (s2 + alpha / beta)
    m2 = float((kept**2 * h**2 / np.maximum(s2, 1e-300))[s2 > 0].sum())
    residual = float((((1.0 - kept) * h) ** 2).sum()) + outside
    log_det = float(np.log1p(beta * s2 / alpha).sum())  # of A / alpha
    return 0.5 * (n * np.log(beta / (2.0 * np.pi)) - beta * residual - alpha * m2 - log_det) / n

"""Sums of couplings that have a name in the literature."""

from __future__ import annotations

from crosstask.couplings._decomposed import Decomposed
from crosstask.couplings._element_norm import ElementNorm
from crosstask.couplings._feature_norm import FeatureNorm
from crosstask.couplings._pooled import Pooled
from crosstask.couplings._task_norm import TaskNorm
from crosstask.couplings._trace_norm import TraceNorm


def dirty(*, feature_weight: float = 1.0, element_weight: float = 0.6) -> Decomposed:
    r"""Features that all tasks use, and exceptions: :math:`\sum_j \|P_{\cdot j}\|_2 + a \sum_{tj} |Q_{tj}|`, W = P + Q.

    Both parts are of use where :math:`T^{-1/2} < a < 1` (T tasks, weights in relation): search
    ``coupling__second__weight`` there.

    References
    ----------
    A. Jalali, P. Ravikumar, S. Sanghavi and C. Ruan (2010). A dirty model for multi-task learning. NIPS 23. (There the
    first norm is the largest entry of a feature instead of its length.)

    Examples
    --------
    >>> dirty().names
    ['feature_norm', 'element_norm']
    """
    return Decomposed(FeatureNorm(feature_weight), ElementNorm(element_weight))


def low_rank_sparse(*, trace_weight: float = 1.0, element_weight: float = 0.6) -> Decomposed:
    r"""Few profiles, and exceptions: :math:`\|P\|_* + a \sum_{tj} |Q_{tj}|`, W = P + Q.

    The exceptions are idle from a = 1 on, and the profiles below :math:`a = (T d)^{-1/2}`.

    References
    ----------
    J. Chen, J. Liu and J. Ye (2010). Learning incoherent sparse and low-rank patterns from multiple tasks. KDD.

    Examples
    --------
    >>> low_rank_sparse().names
    ['trace_norm', 'element_norm']
    """
    return Decomposed(TraceNorm(trace_weight), ElementNorm(element_weight))


def outlier_robust(*, trace_weight: float = 1.0, task_weight: float = 0.8) -> Decomposed:
    r"""Few profiles, and tasks that have none of them: :math:`\|P\|_* + a \sum_t \|q_t\|_2`, W = P + Q.

    ``outlier_tasks_`` says which tasks have a part q of their own. It is idle from a = 1 on, and the profiles below
    :math:`a = T^{-1/2}`.

    References
    ----------
    J. Chen, J. Zhou and J. Ye (2011). Integrating low-rank and group-sparse structures for robust multi-task learning.
    KDD.

    Examples
    --------
    >>> outlier_robust().names
    ['trace_norm', 'task_norm']
    """
    return Decomposed(TraceNorm(trace_weight), TaskNorm(task_weight))


def robust_features(*, feature_weight: float = 1.0, task_weight: float = 1.0) -> Decomposed:
    r"""Features that all tasks use, and tasks that use others: :math:`\sum_j \|P_{\cdot j}\|_2 + a \sum_t \|q_t\|_2`.

    ``outlier_tasks_`` says which tasks have a part q of their own.

    References
    ----------
    P. Gong, J. Ye and C. Zhang (2012). Robust multi-task feature learning. KDD.

    Examples
    --------
    >>> robust_features().names
    ['feature_norm', 'task_norm']
    """
    return Decomposed(FeatureNorm(feature_weight), TaskNorm(task_weight))


def robust_centre(centre_weight: float = 0.0) -> Decomposed:
    r"""One centre, and tasks that leave it: :math:`\frac{c}{2} \|w_0\|_2^2 + \sum_t \|w_t - w_0\|_2`.

    Adaptive and robust: tasks that are close are pooled exactly, and one that is far moves the centre no more than one
    that is just beyond reach. ``outlier_tasks_`` says which tasks left. c = 0 leaves the centre free; a small positive
    c helps classes that a common line separates.

    References
    ----------
    Y. Duan and K. Wang (2023). Adaptive and robust multi-task learning. Annals of Statistics 51, 2015-2039.

    Examples
    --------
    >>> robust_centre()
    Decomposed(first=Pooled(weight=0.0), second=TaskNorm())
    """
    return Decomposed(Pooled(centre_weight), TaskNorm())

"""CrossTaskRegressor: a raw table with a task column in, guarded predictions out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from crosstask.auto._flagship import CrossTask


class CrossTaskRegressor(CrossTask, RegressorMixin, BaseEstimator):
    r"""Guarded regression over many tasks, untuned, on a raw table: :math:`p_t(x) = \sum_c v_{tc} f_c(x)`.

    The candidates :math:`f_c` are fitted with rows of all tasks held out in turn; the weights :math:`v_t` of each
    task, non-negative with sum 1, are those that :class:`~crosstask.guard.TransferGuard` finds on the held-out rows.
    Text, categories, truth values, dates and gaps are read once, without looking at y; gaps are filled and
    categories spread over columns anew in each fold.

    Parameters
    ----------
    candidates : {"default", "linear", "neural"} or list, default="default"
        "default": task mean, each task's own ridge ("own"), shared slopes with free intercepts ("pooled"), "mean
        tied", "easy adapt" (MeanTied with ``centre_weight=1``, the same model), "feature norm", histogram gradient
        boosting with the task as a category from 300 rows on ("small trees" and "boosting"), and "groups", a "mean
        tied" for each group of tasks, where 6 tasks or more fall into a few. "linear": all of these but the last three,
        so that the guarded model is linear in the encoded columns (see ``coefficients``). "neural": the default ones
        and, from 500 rows on, :class:`crosstask.MultiTaskMLPRegressor`; it needs PyTorch and costs more time than all
        the others together. A list of names (of the default
        ones, or "groups", "task boosting", "gp", "transfer to each", "network"), estimators and pairs (name,
        estimator): an estimator is tried once for each task ("name, own") and once on all tasks with the task as a
        feature ("name, pooled"); one that takes ``task=`` itself is tried as it is.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
    time_column : str or int, optional
        Times (numbers or dates): folds are cut at dates common to all tasks, so that no training row is later than
        a test row. The column stays a feature.
    group_column : str or int, optional
        Rows with the same value never straddle a fold. Not a feature. With ``time_column`` the rows of a group leave
        the training rows of each fold that tests one of them.
    mode : {"balanced", "cautious", "bold"}, default="balanced"
        Rule of the guard.
    scoring : {"squared", "absolute"} or ("quantile", q), optional
        What the guard compares; default: squared error. scikit-learn's names do as well.
    class_weight : None
        For classification only.
    unseen_task : {"pooled", "error"}, default="pooled"
        Rows of tasks that fit has not seen: serve them by what the known tasks share, with a warning, or refuse.
    time_budget : float, optional
        Seconds for the fit. Fits on parts of the rows tell what each candidate will take; the dearest for which there
        is no time are left out, others leave once folds show them to be behind (the race of
        :class:`~crosstask.TransferGuard`), and where that is not enough, fewer folds are held out. ``findings_`` names
        them all. Where the time is short, the result depends on the speed of the machine.
    cv : int, splitter or list of (train, test), optional
        Folds of the guard; default: 10 where the median task has fewer than 50 rows, else 5.
    n_jobs : int, optional
        Fits at a time; the result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Folds and draws.
    verbose : int or callable, default=0
        Not 0: a line for each fit. A callable is called with (done, total, text).

    Attributes
    ----------
    verdict_ : DataFrame
        What each task should do and why; prints as sentences.
    weights_, gain_, candidate_losses_ : DataFrame
        Weight, gain over the own model with interval, and out-of-fold loss of each candidate, by task.
    candidates_ : dict
        The fitted candidates by name.
    guard_ : TransferGuard
        The fitted guard.
    findings_ : list of (code, sentence)
        What was noticed: columns left out, gaps, zeros that look like codes, rows in order of time, and more.
    schema_ : list of dict
        Each column: name, kind, missing (share), categories, outputs.
    training_summary_ : dict
        Rows per task, summary of the target, versions, seconds; no rows.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    See Also
    --------
    CrossTaskClassifier : the same for classes.
    crosstask.guard.TransferGuard : the guard alone, for candidates and tables of your own.

    Notes
    -----
    Cost: each candidate is fitted once for each fold and once on all rows. When not to use it: with thousands of rows
    in every task and one model that is known to be right, sharing has little to give; and where only the newest rows
    matter, name ``time_column``, or the gains shown flatter.

    References
    ----------
    R. DerSimonian, N. Laird (1986). Meta-analysis in clinical trials. Controlled Clinical Trials 7, 177-188.

    D. H. Wolpert (1992). Stacked generalization. Neural Networks 5, 241-259.

    Examples
    --------
    >>> import pandas as pd
    >>> from crosstask import CrossTaskRegressor
    >>> df = pd.DataFrame({"shop": ["a", "b"] * 20, "price": [i % 7 for i in range(40)]})
    >>> df["sales"] = 20.0 - 2.0 * df["price"] + 5.0 * (df["shop"] == "b")
    >>> model = CrossTaskRegressor(task_column="shop").fit(df[["shop", "price"]], df["sales"])
    >>> model.predict(pd.DataFrame({"shop": ["a", "b"], "price": [3, 3]})).round(1)
    array([14., 19.])
    """

    def _from_predictor(self, z: NDArray[np.float64]) -> NDArray[Any]:
        return z[:, 0]

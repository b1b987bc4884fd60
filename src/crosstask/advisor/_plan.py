"""What a fit will take, before it is made."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from sklearn.base import clone

from crosstask.allocation import Plan
from crosstask.auto import CrossTaskClassifier, CrossTaskRegressor
from crosstask.auto._open import OpenedTable, open_table
from crosstask.guard import TransferGuard
from crosstask.guard._pace import Pace
from crosstask.guard._planning import make_plan


def plan(
    model: Any,
    X: Any,
    y: Any,
    *,
    task: Any = None,
    sample_weight: Any = None,
    memory_limit: float | None = None,
) -> Plan:
    r"""Plan the fit of a guarded model: its jobs, and the seconds and the memory that they will take.

    Each candidate is fitted on two parts of the rows, and its seconds and bytes are continued to all rows: by a line
    through both, or by a power of n where they grow faster than n. Every (candidate, fold) and every fit on all rows is
    a job. Jobs begin with the longest, each at the worker that is free first, which ends at most
    :math:`4/3 - 1/(3M)` times as late as the best assignment to M workers could.

    Parameters
    ----------
    model : CrossTaskRegressor, CrossTaskClassifier or TransferGuard
        What is to be fitted; its ``n_jobs``, and the joblib backend that is active, say what may run side by side.
    X, y, task, sample_weight
        As in ``model.fit``.
    memory_limit : float, optional
        Gigabytes that the fits may take; None: what is free.

    Returns
    -------
    Plan
        Prints as a line, and a line for each candidate with the reason why it runs where it does. ``.frame()`` has a
        row for each job, ``.fit()`` carries the plan out and returns the fitted model, and ``.compare()`` then says
        what was expected and what came. ``.seconds`` and ``.memory`` (bytes) are those of the whole.

    Raises
    ------
    TypeError
        If the model is no guarded one.
    ValueError
        If the model refuses the data.

    Notes
    -----
    Fewer fits run at a time than ``n_jobs`` asks for where memory does not bear more, or where processes would take
    longer to start than they save. Parallelism is at one level: fits that run side by side have the processors shared
    out among them, and a nested ``n_jobs`` is 1 meanwhile. A candidate that does not fit in memory even alone is left
    out, with the reason; where one that is always compared does not, ``.fit()`` raises MemoryError before anything is
    begun. Memory is what Python and NumPy allocate, which is not all that a compiled library takes.

    Cost: five fits of each candidate on at most 500 and 2000 rows. A model with ``time_budget`` makes such a plan on
    its own (``plan_``), within a fifth of the budget.

    When not to use it: for a fit of seconds, for the pilots take seconds too.

    References
    ----------
    R. L. Graham (1969). Bounds on multiprocessing timing anomalies. SIAM Journal on Applied Mathematics 17, 416-429.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from crosstask import CrossTaskRegressor, plan
    >>> rng = np.random.default_rng(0)
    >>> X, shop = rng.standard_normal((120, 3)), np.repeat(["a", "b", "c"], 40)
    >>> coming = plan(CrossTaskRegressor([Ridge()], cv=5), X, X[:, 0], task=shop)
    >>> len(coming.jobs), coming.workers.number
    (12, 1)
    >>> coming.fit().tasks_
    array(['a', 'b', 'c'], dtype='<U1')
    """
    limit = None if memory_limit is None else 1e9 * _positive(memory_limit)
    fit: Any = clone(model)
    if isinstance(model, (CrossTaskRegressor, CrossTaskClassifier)):
        opened: Any = open_table(fit, X, y, task, sample_weight)
        contest, close = opened.fit.contest, fit._close_table
    elif isinstance(model, TransferGuard):
        pace = None if model.time_budget is None else Pace(float(model.time_budget))
        given = {"task": task, "sample_weight": sample_weight, "time": None, "groups": None}
        opened = fit._open_guard(pace, X, y, **given)
        contest, close = opened.contest, fit._close_guard
    else:
        raise TypeError(
            f"plan takes CrossTaskRegressor, CrossTaskClassifier or TransferGuard, not {type(model).__name__}: give it "
            "TransferGuard([('mine', your_model)])."
        )
    made = make_plan(contest, limit=limit)

    stood_ready = perf_counter()

    def carry_out(which: Plan) -> Any:
        waited = perf_counter() - stood_ready  # no budget runs out while somebody reads the plan
        if contest.pace is not None:
            contest.pace.start += waited
        if isinstance(opened, OpenedTable):
            opened.start += waited
        contest.plan = which
        return close(opened)

    made._carry_out = carry_out
    return made


def _positive(gigabytes: Any) -> float:
    if isinstance(gigabytes, bool) or not isinstance(gigabytes, (int, float)) or not gigabytes > 0:
        raise ValueError(f"memory_limit={gigabytes!r} must be a number of gigabytes above 0, or None for what is free.")
    return float(gigabytes)

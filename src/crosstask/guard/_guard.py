"""The guard: candidate models mixed task by task, so that sharing helps where it can and harms nowhere much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MetaEstimatorMixin
from sklearn.utils import ClassifierTags, RegressorTags, Tags, check_random_state

from crosstask.guard._candidates import input_tags_of, kind_of
from crosstask.guard._fit import fit_guard
from crosstask.guard._growth import GuardGrowth
from crosstask.guard._intervals import GuardIntervals
from crosstask.guard._named import NamedCandidates
from crosstask.guard._open import Opened, open_guard
from crosstask.guard._pace import Pace, check_budget
from crosstask.guard._predict import GuardPredictions
from crosstask.guard._shown import GuardResults
from crosstask.tasks import TaskMixin

MODES = ("balanced", "cautious", "bold")


class TransferGuard(
    GuardPredictions, GuardIntervals, GuardResults, GuardGrowth, TaskMixin, MetaEstimatorMixin, NamedCandidates
):
    r"""Mix candidate models task by task, so that sharing helps where it can and harms little where it cannot.

    .. math::

        f_t(x) = \sum_c v_{tc} f_c(x, t), \qquad
        v_t = \sum_k p_{tk} \arg\min_{v \in \Delta} \; n_t L_t(v) + m_k L_{-t}(v)
        + \kappa_k u \log(C) \, (1 - v_{\mathrm{own}})

    with :math:`\Delta` the simplex, :math:`L_t(v)` the mean loss of the mixture on rows of task t that were held out
    (K folds, on all tasks at once), :math:`L_{-t}` that of the other tasks, and :math:`p_{tk}` the probability that the
    evidence of the others is worth :math:`m_k` rows to task t (0, 10, 80 or 400). That probability comes from a
    random-effects model of all gains over the own model: a task whose gains lie far from those of the others, or whose
    own rows say that the others' mixture harms it, is let go. Losses are divided by the own model's (at least .01 of
    the null model's), except log loss, which stays in nats; u = 2 for squared errors and 1 elsewhere is one nat.

    Parameters
    ----------
    candidates : list of (name, estimator)
        Estimators whose ``fit`` takes ``task=``; any other scikit-learn estimator is wrapped in ``PooledTasks``.
    own : str, optional
        Name of the candidate that is each task's own model. None: the first ``IndependentTasks`` or
        ``coupling="independent"``; where there is none, a tuned linear model is added.
    mode : {"balanced", "cautious", "bold"}, default="balanced"
        "balanced" as above; "cautious" charges 1.4 log C nats for leaving the own model and does not listen to other
        tasks; "bold" is one mixture for all tasks.
    scoring : {"log_loss", "brier"}, {"squared", "absolute"} or ("quantile", q), optional
        What is compared, also under scikit-learn's names ("neg_log_loss", ..). None: log loss or squared error.
    mix : {"response", "linear"}, default="response"
        Mix predictions and probabilities, or scores: then a mixture of linear models is linear.
    cv : int, splitter or list of (train, test) row positions, optional
        None: 10 folds below 50 rows a task (median), else 5.
    task_column, time_column, group_column : str or int, optional
        Columns of X. Time and group only choose the folds and are no features.
    class_weight : dict or "balanced", optional
        Reaches every candidate that takes it (as sample weights where it takes only those), and the losses.
    unseen_task : {"pooled", "error"}, default="pooled"
        Rows of unseen tasks get the weights of the stack of all tasks, over the candidates that can serve them.
    race : bool, default=False
        Leave out candidates that the folds so far show to be behind the best: from the second fold on, where the
        interval of the paired difference lies above zero and there is no task in which the candidate is shown to be
        better. The own model, those that pool all tasks (boosting with the task as a category among them) and constants
        stay.
    time_budget : float, optional
        Seconds for the fit: before each fold the dearest candidates for which there is no time are left out, and where
        that is not enough, the folds end early (not before the second). The result then depends on the machine.
    core : list of str, optional
        Candidates that neither leaves out; None: the own model and those that pool.
    n_jobs : int, optional
        Fits (candidate x fold) at a time; the result does not depend on it.
    random_state : int, RandomState or None
        Deals rows to folds, and seeds candidates that have no seed.
    verbose : int or callable, default=0
        1 prints each fit; a callable is called with (done, total, text).
    keep_oof : bool, default=False
        Keep ``oof_``, the held-out predictions (n_pairs, n_candidates, K).

    Attributes
    ----------
    weights_ : DataFrame of shape (n_tasks, n_candidates)
        What each candidate counts in each task.
    gain_ : DataFrame
        task, n, own_loss, guarded_loss, gain, low, high. ``gain`` is the relative reduction of the held-out loss
        against the own model, with weights found without the fold that they are judged on. The interval is Student's
        on the paired differences d, their variance multiplied by 1 + K n_test / n_train for overlapping training sets.
    verdict_ : Verdict
        A frame (task, code, weights, gain, low, high, reason) that prints as sentences. ``code``: "alone" where models
        that share nothing weigh .8 or more, "share" where they weigh .2 or less, "blend" between, "borrowed" for a task
        with fewer than 5 held-out rows or one class, which gets the weights that suit all tasks together, and no
        guarantee. One where a row held out takes its class along (one row a class) gets equal weights.
    candidate_losses_ : DataFrame of shape (n_tasks, n_candidates)
        Mean held-out loss.
    candidates_ : dict
        Candidates fitted on all rows, by name.
    calibration_ : DataFrame
        bin, predicted, observed, count of held-out rows; classifiers only.
    coverage_ : DataFrame
        task, n, coverage: share of held-out rows inside 90 % intervals (or sets) that were made without their fold.
    dropped_ : list of (name, fold, reason)
        Candidates that the race or the budget left out, after so many folds.
    findings_ : list of (code, sentence)
        What should be known about this fit.
    own_ : str
        Name of the own model.
    classes_ : ndarray of shape (n_classes,)
        Union over the tasks; classifiers only.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ValueError
        If candidates are malformed or of two kinds, nothing can be held out, or y has one class.

    See Also
    --------
    crosstask.CrossTaskRegressor, crosstask.CrossTaskClassifier : the guard with ready candidates, on a raw table.

    Notes
    -----
    Cost: (K + 1) fits of each candidate, and for the weights a few problems of C variables for each task.
    Nested parameters ``cv`` that are None get folds of the guard's own kind, so that tuning sees no other split.

    When not to use it: rows whose relation to y changes after fit, for held-out rows cannot show that; and a few rows a
    task where every task must be safe, for 20 rows cannot tell a harm of 10 % from chance (``mode="cautious"`` then).

    References
    ----------
    Nadeau, C. and Bengio, Y. (2003), Inference for the generalization error, Machine Learning 52.
    DerSimonian, R. and Laird, N. (1986), Meta-analysis in clinical trials, Controlled Clinical Trials 7.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from crosstask.guard import TransferGuard
    >>> from crosstask.multitask import IndependentTasks, PooledTasks
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.standard_normal((120, 3)), np.repeat(["a", "b", "c", "odd"], 30)
    >>> y = np.where(task == "odd", -1.0, 1.0) * X.sum(axis=1) + rng.standard_normal(120)
    >>> candidates = [("own", IndependentTasks(Ridge())), ("pooled", PooledTasks(Ridge()))]
    >>> guard = TransferGuard(candidates, random_state=0).fit(X, y, task=task)
    >>> float(guard.weights_["own"]["odd"].round(2))
    0.98
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        candidates: Any,
        *,
        own: str | None = None,
        mode: str = "balanced",
        scoring: Any = None,
        mix: str = "response",
        cv: Any = None,
        task_column: str | int | None = None,
        time_column: str | int | None = None,
        group_column: str | int | None = None,
        class_weight: Any = None,
        unseen_task: str = "pooled",
        race: bool = False,
        time_budget: float | None = None,
        core: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int | Callable[[int, int, str], object] = 0,
        keep_oof: bool = False,
    ) -> None:
        self.candidates = candidates
        self.own = own
        self.mode = mode
        self.scoring = scoring
        self.mix = mix
        self.cv = cv
        self.task_column = task_column
        self.time_column = time_column
        self.group_column = group_column
        self.class_weight = class_weight
        self.unseen_task = unseen_task
        self.race = race
        self.time_budget = time_budget
        self.core = core
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.keep_oof = keep_oof

    def fit(
        self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None, time: Any = None, groups: Any = None
    ) -> Self:
        """Fit every candidate, hold rows of all tasks out in turn, and weigh the candidates task by task.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            As the candidates can take it.
        y : array-like of shape (n_rows,) or (n_rows, n_tasks)
            Target; two-dimensional at the wide door, NaN = not observed.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like, optional
            Non-negative; reaches every candidate that takes weights, and weighs the losses that are compared.
        time, groups : array-like of shape (n_rows,), optional
            What the folds may not look across, where no column of X holds it.

        Returns
        -------
        TransferGuard
        """
        if self.time_budget is not None:
            check_budget(self.time_budget)
        pace = None if self.time_budget is None else Pace(float(self.time_budget))
        opened = self._open_guard(pace, X, y, task=task, sample_weight=sample_weight, time=time, groups=groups)
        return self._close_guard(opened)

    def _open_guard(self, pace: Pace | None, X: Any, y: Any, **given: Any) -> Opened:
        """Make the fit ready, with a clock that may have been running already."""
        self._check()
        return open_guard(self, pace, X, y, **given)

    def _close_guard(self, opened: Opened) -> Self:
        fit_guard(self, opened)
        return self

    def _check(self) -> None:
        for name, valid in (("mode", MODES), ("mix", ("response", "linear")), ("unseen_task", ("error", "pooled"))):
            value = getattr(self, name)
            if value not in valid:
                raise ValueError(f"{name}={value!r} is not known: use {', '.join(map(repr, valid))}.")

    def _pop_fold_columns(self, table: Any, time: Any, groups: Any, *, fit: bool) -> tuple[Any, Any, Any]:
        """Take the columns that only choose the folds out of X; predict does without them."""
        from crosstask.tasks import column_names, pop_column

        values = {"time": time, "groups": groups}
        for column, name in ((self.time_column, "time"), (self.group_column, "groups")):
            if column is None:
                continue
            if fit and values[name] is not None:
                raise ValueError(f"{name} was given by a column ({column!r}) and by {name}= at once: use one of them.")
            if not fit and column not in (column_names(table) or [column]):
                continue
            table, values[name] = pop_column(table, column)
        return table, values["time"], values["groups"]

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max - 10_000))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        kind = kind_of(self.candidates)
        tags.estimator_type = kind or "regressor"
        tags.target_tags.required = True
        tags.input_tags.sparse, tags.input_tags.allow_nan = input_tags_of(self.candidates)
        if kind == "classifier":
            tags.classifier_tags = ClassifierTags()
        else:
            tags.regressor_tags = RegressorTags()
        return tags

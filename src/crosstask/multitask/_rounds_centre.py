"""The centre of a logistic regression by rounds: Newton's steps from the sums that the sites send."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.losses import Logistic, as_loss
from crosstask.multitask._newton_rounds import NewtonRounds, check_for_rounds
from crosstask.multitask._rounds import LogisticSite, check_classes
from crosstask.multitask._row_sums import Answer, Question
from crosstask.summaries import TaskStatistics


class LogisticCentre:
    r"""Fit a ``MultiTaskClassifier`` from what sites answer, without a row leaving its site.

    Newton's method on the joint objective of ``MultiTaskClassifier``: with the sums g and H of all sites at the present
    coefficients, the step minimises :math:`g'\delta + \delta'H\delta / 2 + \alpha R(W + \delta)`, halved while the
    objective does not fall. Prior rows of tasks that lack a class are added here.

    Parameters
    ----------
    model : MultiTaskClassifier
        Unfitted; "independent", "pooled" or "mean_tied", and the logistic loss. With ``alpha="auto"`` the folds of the
        sites are held out: all alphas and folds go through the same rounds.
    summaries : sequence of TaskStatistics
        ``site.summary()`` of every site.
    classes : sequence of two labels
        Those on which the sites have agreed, in sorted order.

    Attributes
    ----------
    n_rounds_ : int
        Rounds so far.
    model_ : MultiTaskClassifier
        The fitted model, once ``question()`` is None.

    Raises
    ------
    ValueError
        If an option needs rows, or the summaries do not go together.

    Notes
    -----
    About six rounds for a fit at one alpha, twice that with the choice of alpha. ``gap_`` is what the last step gained,
    as a share of the null model's objective, for a duality gap needs the rows.

    See Also
    --------
    LogisticSite : with an example.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask import LogisticSite, MultiTaskClassifier
    >>> X, y = np.arange(40.0).reshape(-1, 1) % 7, np.arange(40) % 7 > 3
    >>> sites = [LogisticSite(X[k::2], y[k::2], ["a"] * 20, classes=[False, True]) for k in (0, 1)]
    >>> centre = LogisticCentre(MultiTaskClassifier(alpha=0.1), [s.summary() for s in sites], classes=[False, True])
    >>> while (question := centre.question()) is not None:
    ...     centre.step([site.round(question) for site in sites])
    >>> centre.model_.coef_, centre.n_rounds_ < 10
    (array([[1.01]]), True)
    """

    def __init__(self, model: Any, summaries: Sequence[TaskStatistics], *, classes: Any) -> None:
        if type(as_loss(model.loss, n_classes=2)) is not Logistic:
            raise ValueError(f"loss={model.loss!r} does not go by rounds: use loss='logistic'.")
        coupling = check_for_rounds(model)
        model.classes_, model._weight_of_class = check_classes(classes), None
        self.model_ = model
        merged = reduce(lambda one, other: one.merge(other), summaries)
        self._rounds = NewtonRounds(model, coupling, Logistic(), merged)

    @property
    def n_rounds_(self) -> int:
        """Rounds so far."""
        return self._rounds.n_rounds

    def question(self) -> Question | None:
        """Return what to ask of every site next, None when the model is fitted."""
        return self._rounds.question()

    def step(self, answers: Sequence[Answer]) -> None:
        """Take the answers of all sites to the question in hand, and move on."""
        self._rounds.step(_added(answers, self._rounds.summary.tasks_))
        if self._rounds.stage == "done":
            self._rounds.finish()

    def run(self, sites: Sequence[LogisticSite]) -> Any:
        """Ask and step until the model is fitted, with sites that are in this process."""
        while (question := self.question()) is not None:
            self.step([site.round(question) for site in sites])
        return self.model_


def _added(answers: Sequence[Answer], tasks: NDArray[Any]) -> Answer:
    """Add up what the sites have sent, each sum in the place of its task."""
    J, p = answers[0].gradient.shape[0], answers[0].gradient.shape[2]
    out = Answer.empty(tasks, J, p - 1)
    for answer in answers:
        if len(answer.value) != J:
            raise ValueError("an answer is to another question: ask every site the question in hand.")
        place = np.searchsorted(tasks, answer.tasks)
        for name in ("value", "gradient", "hessian", "held_loss"):
            getattr(out, name)[:, place] += getattr(answer, name)
    return out

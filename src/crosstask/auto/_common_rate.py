"""Free intercepts, tied to what all tasks have in common, a rate or a mean, as far as the tasks agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from crosstask.auto._rates import agreement
from crosstask.multitask._support import explicit_folds

Array = NDArray[np.float64]
ALPHAS = np.logspace(-3.0, 4.0, 15)
LEAST, MOST = 1.0, 1000.0  # weight of the common mean: below, it changes nothing; above, intercepts are one


@dataclass(frozen=True)
class Rows:
    """What a model with tasks is fitted on, and the folds of its own tuning."""

    X: Array
    y: NDArray[Any]
    task: NDArray[Any]
    sample_weight: Array | None
    folds: Any

    def common_rate(self) -> CommonRate | None:
        """Return what ties the tasks' log odds, see :func:`agreement`; None where there is one task or one class."""
        tasks, codes = np.unique(self.task, return_inverse=True)
        classes, label = np.unique(self.y, return_inverse=True)
        if len(tasks) < 2 or len(classes) < 2:
            return None
        given = np.ones(len(self.y)) if self.sample_weight is None else np.asarray(self.sample_weight, np.float64)
        counts = np.zeros((len(tasks), len(classes)))
        np.add.at(counts, (codes.reshape(-1), label.reshape(-1)), given)
        weight, rate = agreement(counts)
        return CommonRate(np.average(self.X, axis=0, weights=given), classes, weight * rate)

    def common_mean(self) -> CommonRate | None:
        r"""Return what ties the intercepts of a regression as far as the tasks agree; None where they do not.

        With noise of variance :math:`\sigma^2` and intercepts that vary by :math:`\tau^2` between tasks, the random
        intercept of a mixed model is what one more row of weight :math:`\sigma^2 / \tau^2` at the common mean gives.
        Both variances are those of analysis of variance, of what pooled slopes within the tasks leave.
        """
        tasks, codes = np.unique(self.task, return_inverse=True)
        n_rows, n_columns = self.X.shape
        n_free = n_rows - len(tasks)
        if len(tasks) < 3 or n_free < 2:
            return None
        given = np.ones(n_rows) if self.sample_weight is None else np.asarray(self.sample_weight, np.float64)
        size = np.maximum(np.bincount(codes, given), 1e-300)

        def mean(values: Array) -> Array:
            return np.bincount(codes, given * values) / size

        within = self.X - np.column_stack([mean(column) for column in self.X.T])[codes]
        spread = np.sqrt(np.average(within**2, axis=0, weights=given))
        scale = np.where(spread > 0.0, spread, 1.0)
        y = np.asarray(self.y, dtype=np.float64)
        slopes = RidgeCV(ALPHAS, fit_intercept=False).fit(within / scale, y - mean(y)[codes], given).coef_ / scale
        left = y - self.X @ slopes
        level, total = mean(left), size.sum()
        noise = float(given @ (left - level[codes]) ** 2) / (n_free - min(n_columns, n_free // 2))
        between = float(size @ (level - size @ level / total) ** 2) - (len(tasks) - 1) * noise
        between /= total - float(size @ size) / total
        weight = MOST if between * MOST <= noise else noise / between
        average = np.average(self.X, axis=0, weights=given)
        target = float(level.mean() + average @ slopes)
        return None if weight < LEAST else CommonRate(average, np.array([target]), np.array([weight]))


@dataclass(frozen=True)
class CommonRate:
    r"""One row of each class (or one row), at the mean of all rows, which are added to the rows of each task.

    Values: one row, see :meth:`Rows.common_mean`. Classes: the row of class k weighs ``weight`` times the common share
    of that class, so that the added rows pull the log odds of a task's average row toward those of all tasks: a data
    augmentation prior (Clogg et al., 1991), whose weight :func:`agreement` estimates. With two classes in balance a
    weight of 2 is a normal prior of variance :math:`1 / (2 / 4) = 2` on a task's intercept; a task with 20 rows of its
    own hardly sees it.
    """

    average: Array
    classes: NDArray[Any]
    weight: Array

    def added_to(self, rows: Rows) -> Rows:
        """Return the rows and, for each task, the average ones; in given folds every training side gets these."""
        tasks, n_classes = np.unique(rows.task), len(self.classes)
        given = np.ones(len(rows.y)) if rows.sample_weight is None else np.asarray(rows.sample_weight, np.float64)
        added = np.arange(len(rows.y), len(rows.y) + len(tasks) * n_classes)
        folds = rows.folds
        if explicit_folds(folds):
            folds = [(np.concatenate([train, added]), test) for train, test in folds]
        return replace(
            rows,
            X=np.vstack([rows.X, np.tile(self.average, (len(added), 1))]),
            y=np.concatenate([rows.y, np.tile(self.classes, len(tasks))]),
            task=np.concatenate([rows.task, np.repeat(tasks, n_classes)]),
            sample_weight=np.concatenate([given, np.tile(self.weight, len(tasks))]),
            folds=folds,
        )

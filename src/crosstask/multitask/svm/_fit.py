"""From rows to fitted machines: the form, the pairs of classes, and the strength of sharing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

from crosstask.multitask._support import Folds
from crosstask.multitask.svm._dual import Rows, Settings
from crosstask.multitask.svm._input_kernel import InputKernel
from crosstask.multitask.svm._machines import KernelMachine, LinearMachine, fit_kernel, fit_linear
from crosstask.multitask.svm._task_kernel import with_sharing
from crosstask.tasks._cluster import sent_once

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Form = Literal["gram", "linear"]

SHARING = (0.0, 0.1, 0.3, 0.6, 0.9, 1.0)


@dataclass(frozen=True)
class Machinery:
    """Everything of one fit but the rows and the strength of sharing.

    Parameters
    ----------
    kernel : InputKernel
    features : transformer or None
        A fitted map whose inner products stand for the kernel.
    form : {"gram", "linear"}
    settings : Settings
    n_classes : int
        0 for regression; y then holds numbers, otherwise the positions of classes.
    """

    kernel: InputKernel
    features: Any
    form: Form
    settings: Settings
    n_classes: int

    def problems(self, rows: Rows) -> list[tuple[Ints, Rows]]:
        """Return (positions, rows with targets of -1 and 1) for each pair of classes; for regression all rows."""
        everyone = np.arange(len(rows.y))
        if self.n_classes == 0:
            return [(everyone, rows)]
        found: list[tuple[Ints, Rows]] = []
        for a in range(self.n_classes):
            for b in range(a + 1, self.n_classes):
                own = np.flatnonzero((rows.y == a) | (rows.y == b))
                found.append((own, replace(rows.take(own), y=np.where(rows.y[own] == b, 1.0, -1.0))))
        return found

    def fit(self, rows: Rows, task_kernel: Array, unseen: str) -> KernelMachine | LinearMachine:
        """Fit one machine for each pair of classes, or the one of regression."""
        if self.form == "linear":
            mapped = rows if self.features is None else replace(rows, X=self.features.transform(rows.X))
            found = [fit_linear(p, self.kernel.offset, task_kernel, self.settings) for _, p in self.problems(mapped)]
            coef, intercept = np.stack([f[0] for f in found]), np.stack([f[1] for f in found])
            if unseen == "mean":
                coef = np.concatenate([coef, coef.mean(axis=1, keepdims=True)], axis=1)
            return LinearMachine(coef, _with_mean(intercept, unseen), max(f[2] for f in found), self.features)
        problems = self.problems(rows)
        found = [fit_kernel(p, self.kernel, task_kernel, self.settings) for _, p in problems]
        beta = np.zeros((len(problems), len(rows.y)))
        for k, (own, _) in enumerate(problems):
            beta[k, own] = found[k][0]
        most = max(f[2] for f in found)
        support = np.flatnonzero((beta != 0.0).any(axis=0))
        lines = task_kernel if unseen != "mean" else np.vstack([task_kernel, task_kernel.mean(axis=0)])
        intercept = _with_mean(np.stack([f[1] for f in found]), unseen)
        return KernelMachine(
            self.kernel, rows.X[support], rows.codes[support], beta[:, support], intercept, most, lines
        )


def choose_sharing(
    machinery: Machinery, rows: Rows, task_kernel: Array, folds: Folds, n_jobs: int | None
) -> tuple[float, dict[str, Any]]:
    """Return the strength of sharing with the smallest mean loss on held-out rows, and the losses of all.

    Where every task has one row, none can be held out, and only full sharing learns anything from X.
    """
    if machinery.features is not None:  # mapped once, not in each fold
        rows = replace(rows, X=machinery.features.transform(rows.X))
        machinery = replace(machinery, features=None)
    work = (delayed(_one_fold)(machinery, rows, task_kernel, train, test) for train, test in folds)
    with sent_once(rows):
        done: Any = Parallel(n_jobs=n_jobs)(work)
    sums: Any = np.sum(done, axis=0)
    if not sums[-1]:
        return 1.0, {}
    loss = sums[:-1] / sums[-1]
    path = {"sharing": np.array(SHARING), "cv_loss": loss, "n_folds": len(folds)}
    return SHARING[int(np.argmin(loss))], path


def _one_fold(machinery: Machinery, rows: Rows, task_kernel: Array, train: Ints, test: Ints) -> Array:
    """Return the summed held-out loss at each strength, and the sum of the weights last."""
    seen = np.bincount(rows.codes[train], minlength=len(task_kernel)) > 0
    held = rows.take(test[seen[rows.codes[test]]])  # a task that the fold leaves no row has no model to judge
    sums = np.zeros(len(SHARING) + 1)
    problems = machinery.problems(held)
    sums[-1] = sum(float(part.weight.sum()) for _, part in problems)
    for k, sharing in enumerate(SHARING):
        machine = machinery.fit(rows.take(train), with_sharing(task_kernel, sharing), "error")
        z = machine.decision(held.X, held.codes)
        for output, (own, part) in enumerate(problems):
            sums[k] += float(part.weight @ machinery.settings.loss(part.y, z[own, output]))
    return sums


def _with_mean(intercept: Array, unseen: str) -> Array:
    return intercept if unseen != "mean" else np.hstack([intercept, intercept.mean(axis=1, keepdims=True)])

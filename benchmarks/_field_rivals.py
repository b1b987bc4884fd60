"""What the flagship is compared with in ``field.py``, all tuned on the same folds of the training rows.

Each rival takes a ``Draw`` and returns predictions of its test rows: the value, or the probability of class 1.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _field_data import Draw

Array = NDArray[np.float64]
Rival = Callable[[Draw], Array]
ALPHAS = np.logspace(-3, 4, 15)  # of ridge, by the leave-one-out error
CS = np.logspace(-3, 1, 7)  # of logistic regression, by log loss on the folds
FLAGS = (1.0, 10.0)  # what a task's 0/1 column is multiplied by: the larger, the freer the intercepts
STAGES = np.arange(10, 201, 10)  # rounds of boosting, chosen on the folds
ROUNDS = int(STAGES[-1])
DEAR_FOLDS = 3  # of the five folds, those that CatBoost and the mixed model are tuned on, for they take long
SMALL_AND_LARGE = ((7, 5), (15, 20))  # leaves and least rows of a leaf
FLOOR = 1e-6


def row_loss(p: Array, y: NDArray[Any], classification: bool) -> Array:
    """Return the squared error, or the log loss, of each row (of each column of p)."""
    y = y.reshape((-1,) + (1,) * (p.ndim - 1))
    if not classification:
        return (p - y) ** 2
    return -np.log(np.maximum(np.where(y == 1, p, 1.0 - p), FLOOR))


def filled(draw: Draw) -> tuple[Array, Array]:
    """Return both matrices on one scale, with the median of the training rows in each gap."""
    prepare = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    return prepare.fit_transform(draw.X), prepare.transform(draw.X_test)


def flags(draw: Draw) -> tuple[Array, Array]:
    tasks = np.unique(draw.task)
    return (draw.task[:, None] == tasks).astype(float), (draw.task_test[:, None] == tasks).astype(float)


def copies(x: Array, flag: Array) -> Array:
    """Return the columns of EasyAdapt: x, and x times the 0/1 column of each task."""
    return np.hstack([x, (flag[:, :, None] * x[:, None, :]).reshape(len(x), -1)])


def linear(draw: Draw, designs: Iterable[tuple[Array, Array]]) -> Array:
    """Ridge or logistic regression on the design, and with the penalty, that are best out of fold."""
    best: tuple[float, Any, Array] | None = None
    for design, new in designs:
        if draw.classification:
            score, model = logistic(design, draw)
        else:
            score, model = ridge(design, draw.y)
        if best is None or score < best[0]:
            best = score, model, new
    assert best is not None
    _, model, new = best
    return model.predict_proba(new)[:, 1] if draw.classification else model.predict(new)


def ridge(design: Array, y: Array) -> tuple[float, Any]:
    """RidgeCV; on tall designs by the eigenvectors of X'X, which is ten times as fast as its SVD of a tall X."""
    n, d = design.shape
    if n < 2 * d:
        model = RidgeCV(ALPHAS).fit(design, y)
        return -float(model.best_score_), model
    x, residual = design - design.mean(axis=0), y - y.mean()
    size, axes = np.linalg.eigh(x.T @ x)
    scores = x @ axes
    errors = []
    for alpha in ALPHAS:
        shrunk = 1.0 / (np.maximum(size, 0.0) + alpha)
        leverage = 1.0 / n + scores**2 @ shrunk
        fitted = scores @ (shrunk * (scores.T @ residual))
        errors.append(float(np.mean(((residual - fitted) / (1.0 - leverage)) ** 2)))
    best = int(np.argmin(errors))
    return errors[best], Ridge(ALPHAS[best]).fit(design, y)


def logistic(design: Array, draw: Draw) -> tuple[float, Any]:
    losses = logistic_losses(design, draw)
    best = int(losses.argmin())
    return float(losses[best]), LogisticRegression(C=CS[best], max_iter=500).fit(design, draw.y)


def logistic_losses(design: Array, draw: Draw) -> Array:
    losses = np.zeros(len(CS))
    for train, test in draw.folds():
        if len(np.unique(draw.y[train])) < 2:
            continue
        for c, C in enumerate(CS):
            model = LogisticRegression(C=C, max_iter=500).fit(design[train], draw.y[train])
            losses[c] += row_loss(model.predict_proba(design[test])[:, 1], draw.y[test], True).sum()
    return losses


def single(draw: Draw) -> Array:
    """One model for each task, each with a penalty of its own."""
    return task_by_task(draw, lambda own: linear(own, [filled(own)]))


def single_one_penalty(draw: Draw) -> Array:
    """One model for each task, with the penalty that is best out of fold for all of them together."""
    grid: Array = CS if draw.classification else ALPHAS
    losses = np.zeros(len(grid))

    def judge(own: Draw) -> Array:
        losses[:] += penalty_losses(own)
        return np.zeros(len(own.y_test))

    def fit(own: Draw) -> Array:
        (x, new), penalty = filled(own), grid[int(losses.argmin())]
        if draw.classification:
            return LogisticRegression(C=penalty, max_iter=500).fit(x, own.y).predict_proba(new)[:, 1]
        return Ridge(penalty).fit(x, own.y).predict(new)

    task_by_task(draw, judge)
    return task_by_task(draw, fit)


def penalty_losses(own: Draw) -> Array:
    x = filled(own)[0]
    if own.classification:
        return logistic_losses(x, own)
    return RidgeCV(ALPHAS, store_cv_results=True).fit(x, own.y).cv_results_.sum(axis=0)


def task_by_task(draw: Draw, answer_for: Callable[[Draw], Array]) -> Array:
    """Serve each task by itself; a task with one class gets its smoothed rate (k + .5) / (n + 1)."""
    answer = np.empty(len(draw.y_test))
    for t in np.unique(draw.task):
        mine, here = draw.task == t, draw.task_test == t
        own = Draw(
            draw.X[mine], draw.y[mine], draw.task[mine], draw.X_test[here], draw.y_test[here], draw.task_test[here],
            draw.classification, draw.seed,
        )  # fmt: skip
        if draw.classification and len(np.unique(own.y)) < 2:
            answer[here] = (own.y.sum() + 0.5) / (len(own.y) + 1.0)
        else:
            answer[here] = answer_for(own)
    return answer


def pooled(draw: Draw) -> Array:
    return linear(draw, [filled(draw)])


def indicator(draw: Draw) -> Array:
    (x, new), (flag, flag_new) = filled(draw), flags(draw)
    return linear(draw, [(np.hstack([x, f * flag]), np.hstack([new, f * flag_new])) for f in FLAGS])


def easy_adapt(draw: Draw) -> Array:
    (x, new), (flag, flag_new) = filled(draw), flags(draw)
    wide, wide_new = copies(x, flag), copies(new, flag_new)
    return linear(draw, [(np.hstack([wide, f * flag]), np.hstack([wide_new, f * flag_new])) for f in FLAGS])


def staged(draw: Draw, makers: list[Callable[[], Any]], curve: Any, tables: Any, n_folds: int = 5) -> Array:
    """Choose the maker and the number of rounds by the loss on the folds; ``curve`` gives (n, stages)."""
    table, new = tables
    best = (np.inf, 0, 0)
    for m, make in enumerate(makers):
        total = np.zeros(len(STAGES))
        for train, test in draw.folds()[:n_folds]:
            if draw.classification and len(np.unique(draw.y[train])) < 2:
                continue
            model = make().fit(table.iloc[train], draw.y[train])
            total += row_loss(curve(model, table.iloc[test]), draw.y[test], draw.classification).sum(axis=0)
        best = min(best, (float(total.min()), m, int(total.argmin())))
    _, m, stage = best
    return curve(makers[m]().fit(table, draw.y), new)[:, stage]


def at_stages(rounds: Iterable[Array]) -> Array:
    return np.column_stack(list(rounds))[:, STAGES - 1]


def with_category(draw: Draw, kind: type) -> tuple[Any, Any]:
    import pandas as pd

    tasks = np.unique(draw.task)
    return tuple(
        pd.DataFrame(X).rename(columns=lambda j: f"x{j}").assign(task=_task_column(codes, tasks, kind))
        for X, codes in ((draw.X, draw.task), (draw.X_test, draw.task_test))
    )  # type: ignore[return-value]


def _task_column(codes: Any, tasks: Any, kind: type) -> Any:
    import pandas as pd

    place = np.searchsorted(tasks, codes)
    return place.astype(str) if kind is str else pd.Categorical.from_codes(place, list(range(len(tasks))))


def scikit_learn(draw: Draw) -> Array:
    kind: Any = HistGradientBoostingClassifier if draw.classification else HistGradientBoostingRegressor

    def make(leaves: int, rows: int) -> Any:
        return kind(
            max_iter=ROUNDS, max_leaf_nodes=leaves, min_samples_leaf=rows, l2_regularization=1.0,
            early_stopping=False, categorical_features="from_dtype", random_state=0,
        )  # fmt: skip

    def curve(model: Any, table: Any) -> Array:
        if draw.classification:
            return at_stages(p[:, 1] for p in model.staged_predict_proba(table))
        return at_stages(model.staged_predict(table))

    makers = [lambda size=size: make(*size) for size in SMALL_AND_LARGE]
    return staged(draw, makers, curve, with_category(draw, int))


def lightgbm(draw: Draw) -> Array:
    package: Any = importlib.import_module("lightgbm")
    kind = package.LGBMClassifier if draw.classification else package.LGBMRegressor

    def make(leaves: int, rows: int) -> Any:
        return kind(
            n_estimators=ROUNDS, num_leaves=leaves, min_child_samples=rows, reg_lambda=1.0, n_jobs=1, verbose=-1,
            min_data_per_group=rows, random_state=0,
        )  # fmt: skip

    def curve(model: Any, table: Any) -> Array:
        if draw.classification:
            return np.column_stack([model.predict_proba(table, num_iteration=k)[:, 1] for k in STAGES])
        return np.column_stack([model.predict(table, num_iteration=k) for k in STAGES])

    makers = [lambda size=size: make(*size) for size in SMALL_AND_LARGE]
    return staged(draw, makers, curve, with_category(draw, int))


def catboost(draw: Draw) -> Array:
    package: Any = importlib.import_module("catboost")
    kind = package.CatBoostClassifier if draw.classification else package.CatBoostRegressor

    def make(depth: int) -> Any:
        return kind(
            iterations=ROUNDS, depth=depth, learning_rate=0.1, thread_count=1, verbose=0, allow_writing_files=False,
            cat_features=["task"], random_seed=0,
        )  # fmt: skip

    def curve(model: Any, table: Any) -> Array:
        if draw.classification:
            return at_stages(p[:, 1] for p in model.staged_predict_proba(table))
        return at_stages(model.staged_predict(table))

    return staged(draw, [lambda: make(4), lambda: make(6)], curve, with_category(draw, str), DEAR_FOLDS)

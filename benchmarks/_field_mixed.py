"""Mixed-effects models as rivals of ``field.py``: statsmodels, with random effects in the prediction, and GPBoost."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from _field_data import Draw
from _field_rivals import DEAR_FOLDS, ROUNDS, SMALL_AND_LARGE, filled, flags, row_loss

Array = NDArray[np.float64]
MOST_SLOPES = 100


def mixed_model(draw: Draw) -> Array:
    """A random intercept for each task, with or without random slopes, whichever is better on the folds.

    Slopes of standardised columns have one variance. Values: MixedLM (REML); classes: BinomialBayesMixedGLM, by
    variational Bayes, without slopes where they would be more than 100 (it then takes minutes). Random effects enter
    the predictions; statsmodels' own ``predict`` leaves them out.
    """
    (x, new), (flag, flag_new) = filled(draw), flags(draw)
    answer = _binomial if draw.classification else _gaussian
    losses: list[float] = []
    dear = draw.classification and x.shape[1] * flag.shape[1] > MOST_SLOPES
    for slopes in (False,) if dear else (False, True):
        total = 0.0
        for train, test in draw.folds()[:DEAR_FOLDS]:
            if draw.classification and len(np.unique(draw.y[train])) < 2:
                continue
            p = answer(x[train], flag[train], draw.y[train], x[test], flag[test], slopes)
            total += row_loss(p, draw.y[test], draw.classification).sum()
        losses.append(total)
    return answer(x, flag, draw.y, new, flag_new, losses[-1] < losses[0])


def _gaussian(x: Array, flag: Array, y: Array, new: Array, flag_new: Array, slopes: bool) -> Array:
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    axes = _independent_axes(x)
    x, new = x @ axes, new @ axes
    task, task_new = flag.argmax(axis=1), flag_new.argmax(axis=1)
    groups, fixed = np.unique(task), np.column_stack([np.ones(len(x)), x])
    components: Any = None
    if slopes:
        names = [f"x{j}" for j in range(x.shape[1])]
        components = VCSpec(["slope"], [[names for _ in groups]], [[x[task == t] for t in groups]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixedLM(y, fixed, groups=task, exog_re=np.ones((len(x), 1)), exog_vc=components)
        fit = model.fit(reml=True)
    effects = np.zeros((flag.shape[1], 1 + x.shape[1] * slopes))
    for t, values in fit.random_effects.items():
        effects[t] = np.asarray(values)
    wide = np.column_stack([np.ones(len(new)), new])
    return wide @ fit.fe_params + (wide[:, : effects.shape[1]] * effects[task_new]).sum(axis=1)


def _independent_axes(x: Array) -> Array:
    """Orthonormal directions in which x varies: slopes of one variance are the same model in any rotation."""
    _, size, axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    return axes[size > 1e-8 * size[0]].T


def _binomial(x: Array, flag: Array, y: Any, new: Array, flag_new: Array, slopes: bool) -> Array:
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    def random(rows: Array, of: Array) -> Array:
        own = (of[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
        return np.hstack([of, own]) if slopes else of

    def fixed(rows: Array) -> Array:
        return np.column_stack([np.ones(len(rows)), rows])

    columns = random(x, flag)
    kind = np.r_[np.zeros(flag.shape[1]), np.ones(columns.shape[1] - flag.shape[1])].astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = BinomialBayesMixedGLM(y, fixed(x), columns, kind, vcp_p=1.0, fe_p=2.0 / np.sqrt(max(x.shape[1], 4)))
        fit = model.fit_vb(rng=np.random.default_rng(0))
    return expit(fixed(new) @ fit.fe_mean + random(new, flag_new) @ fit.vc_mean)


def gpboost(draw: Draw) -> Array:
    """Boosting plus a random intercept for each task; rounds and leaves by its own cross-validation on the folds."""
    package: Any = importlib.import_module("gpboost")
    likelihood, metric = ("bernoulli_logit", "binary_logloss") if draw.classification else ("gaussian", "mse")

    middle, spread = (0.0, 1.0) if draw.classification else (draw.y.mean(), draw.y.std())  # its steps are no scale's

    def start() -> tuple[Any, Any]:
        return package.Dataset(draw.X, (draw.y - middle) / spread), package.GPModel(
            group_data=draw.task, likelihood=likelihood
        )

    best: tuple[float, dict[str, Any], int] = (np.inf, {}, 1)
    for leaves, rows in SMALL_AND_LARGE:
        options = {"learning_rate": 0.1, "num_leaves": leaves, "min_data_in_leaf": rows, "lambda_l2": 1.0}
        options |= {"verbose": -1, "num_threads": 1}
        data, effects = start()
        found = package.cv(
            params=options, train_set=data, gp_model=effects, num_boost_round=ROUNDS, folds=draw.folds(),
            metric=metric, verbose_eval=False,
        )  # fmt: skip
        losses = next(values for name, values in found.items() if name.endswith("-mean"))
        if min(losses) < best[0]:
            best = min(losses), options, int(np.argmin(losses)) + 1
    data, effects = start()
    model = package.train(params=best[1], train_set=data, gp_model=effects, num_boost_round=best[2])
    answer = model.predict(data=draw.X_test, group_data_pred=draw.task_test, predict_var=False)
    return middle + spread * np.asarray(answer["response_mean"]).reshape(-1)

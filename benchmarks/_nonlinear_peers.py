"""The models that benchmarks/nonlinear.py compares on tables: ours, boosting with the task as a category, forests."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor

import crosstask as ct


class AsCategory:
    """A peer that takes the task as a category by a keyword of its own."""

    def __init__(self, model: Any, **keywords: Any) -> None:
        self.model, self.keywords = model, keywords

    def fit(self, X: Any, y: Any, task: Any) -> Any:
        self.model.fit(self._table(X, task), y, **{key: [X.shape[1]] for key in self.keywords})
        return self

    def predict(self, X: Any, task: Any) -> Any:
        return self.model.predict(self._table(X, task))

    def predict_proba(self, X: Any, task: Any) -> Any:
        return self.model.predict_proba(self._table(X, task))

    def _table(self, X: Any, task: Any) -> Any:
        import pandas as pd

        return pd.DataFrame(X).assign(task=task.astype(int)).rename(columns=str)


class RandomIntercept:
    """GPBoost: boosting plus a random intercept for each task."""

    def fit(self, X: Any, y: Any, task: Any) -> Any:
        gpb: Any = importlib.import_module("gpboost")
        likelihood = "gaussian" if y.dtype.kind == "f" else "bernoulli_logit"
        self.effects = gpb.GPModel(group_data=task, likelihood=likelihood)
        data = gpb.Dataset(X, y)
        options = {"verbose": -1, "num_threads": 1, "learning_rate": 0.1}
        self.model = gpb.train(params=options, train_set=data, gp_model=self.effects, num_boost_round=100)
        return self

    def predict(self, X: Any, task: Any) -> Any:
        return self.model.predict(data=X, group_data_pred=task, predict_var=False)["response_mean"]


def peers(classification: bool) -> dict[str, Callable[[], Any]]:
    """Return makers of the models, ours first."""
    boost: Any = HistGradientBoostingClassifier if classification else HistGradientBoostingRegressor
    ours: Any = ct.MultiTaskBoostingClassifier if classification else ct.MultiTaskBoostingRegressor
    linear: Any = ct.MultiTaskClassifier if classification else ct.MultiTaskRegressor
    rows: dict[str, Callable[[], Any]] = {
        "crosstask": ours,
        "scikit-learn": lambda: ct.PooledTasks(boost(), "category"),
        "easy adapt": linear,
    }
    kind = "Classifier" if classification else "Regressor"
    for name, options, keyword in (
        ("lightgbm", {"n_jobs": 1, "verbose": -1}, {}),
        (
            "catboost",
            {"iterations": 300, "thread_count": 1, "verbose": 0, "allow_writing_files": False},
            {"cat_features": 1},
        ),
    ):
        try:
            module = importlib.import_module(name)
        except ImportError:
            print(f"{name} is not installed: its column is left out.")
            continue
        made: Any = getattr(module, ("LGBM" if name == "lightgbm" else "CatBoost") + kind)
        keys = keyword or {"categorical_feature": 1}
        rows[name] = lambda made=made, options=options, keys=keys: AsCategory(made(**options), **keys)
    if not classification and importlib.util.find_spec("gpboost"):
        rows["gpboost"] = RandomIntercept
    return rows


class ForestOnLines:
    """A linear shared model, and a forest with the task as a category on what it leaves out of fold."""

    def fit(self, X: Any, y: Any, task: Any) -> Any:
        self.lines = ct.MultiTaskRegressor(random_state=0).fit(X, y, task=task)
        left = np.empty(len(y))
        for train, test in ct.TaskKFold(5, shuffle=True, random_state=0).split(X, y, task=task):
            fold = ct.MultiTaskRegressor(alpha=self.lines.alpha_, unseen_task="mean")
            left[test] = y[test] - fold.fit(X[train], y[train], task=task[train]).predict(X[test], task=task[test])
        self.forest = forest().fit(X, left, task=task)
        return self

    def predict(self, X: Any, task: Any) -> Any:
        return self.lines.predict(X, task=task) + self.forest.predict(X, task=task)


def forest() -> Any:
    """Return a random forest with an indicator of each task."""
    return ct.PooledTasks(RandomForestRegressor(200, random_state=0, n_jobs=1), "onehot")

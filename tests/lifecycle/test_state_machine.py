"""Any order of fit, add_task, refit, save, load and predict keeps what each of them promises.

A few short runs in the suite; ``CROSSTASK_LONG=1`` makes many long ones.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sklearn.linear_model import Ridge

import crosstask as ct

LONG = bool(os.environ.get("CROSSTASK_LONG"))
D = 3
PROBES = np.random.default_rng(7).normal(size=(4, D))
IDS = st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "10", "ü"])
SEEDS = st.integers(0, 50)


def _rows(n: int, seed: int, labels: bool) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D))
    z = X @ [1.0, -1.0, 0.2 * (seed % 5)] + rng.normal(size=n)
    return X, np.where(z > 0, "yes", "no") if labels else z


def _guard() -> Any:
    candidates = [
        ("own", ct.MultiTaskRegressor("independent", alpha=0.1)),
        ("tied", ct.MultiTaskRegressor(alpha=0.1)),
        ("pooled", ct.PooledTasks(Ridge(), unseen_task="pooled")),
    ]
    return ct.TransferGuard(candidates, cv=3, random_state=0)


MAKERS: dict[str, Any] = {
    "mean tied": lambda: ct.MultiTaskRegressor(alpha=0.1, unseen_task="mean"),
    "trace norm": lambda: ct.MultiTaskClassifier("trace_norm", alpha=0.05, unseen_task="pooled", tol=1e-4),
    "independent": lambda: ct.IndependentTasks(Ridge()),
    "guard": _guard,
}


class Life(RuleBasedStateMachine):
    """A model, and what it has said so far."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.model: Any = None
        self.said: dict[str, Any] = {}

    @initialize(kind=st.sampled_from(sorted(MAKERS)), seed=SEEDS)
    def fit(self, kind: str, seed: int) -> None:
        self.labels = kind == "trace norm"
        self.model = MAKERS[kind]()
        self._fit(seed, ["a", "b", "c"])

    @rule(seed=SEEDS, tasks=st.sets(IDS, min_size=2, max_size=4))
    def fit_again(self, seed: int, tasks: set[str]) -> None:
        self._fit(seed, sorted(tasks))

    @rule(task=IDS, n=st.integers(1, 12), seed=SEEDS)
    def add_task(self, task: str, n: int, seed: int) -> None:
        X, y = _rows(n, seed, self.labels)
        if task in self.said:
            with pytest.raises(ValueError, match="knows already"):
                self.model.add_task(X, y, task=task)
            return
        self.model.add_task(X, y, task=task)
        self.said[task] = self._ask(task)

    @rule(n=st.integers(1, 3))
    def refuse_a_bad_task(self, n: int) -> None:
        before = dict(vars(self.model))
        with pytest.raises(ValueError, match="features"):
            self.model.add_task(np.ones((n, D + 1)), ["yes"] * n if self.labels else np.ones(n), task="bad")
        assert all(vars(self.model)[name] is value for name, value in before.items())

    @rule()
    def save_and_load(self) -> None:
        path = ct.save(self.model, Path(self.folder.name) / "model.skops", force=True)
        assert [entry.name for entry in Path(self.folder.name).iterdir()] == ["model.skops"]
        self.model = ct.load(path)

    @precondition(lambda self: hasattr(self.model, "refit"))
    @rule(seed=SEEDS)
    def refit(self, seed: int) -> None:
        weights = self.model.weights_
        X, y, task = self._table(seed, sorted(self.said))
        self.model.refit(X, y, task=task)
        np.testing.assert_array_equal(self.model.weights_, weights)
        self.said = {name: self._ask(name) for name in self.said}

    @invariant()
    def everything_said_holds(self) -> None:
        if self.model is None:
            return
        assert self.model.tasks_.tolist() == sorted(self.said)
        for task, expected in self.said.items():
            np.testing.assert_array_equal(self._ask(task), expected)
        mixed = np.repeat(sorted(self.said), len(PROBES))
        together = self.model.predict(np.tile(PROBES, (len(self.said), 1)), task=mixed)
        assert len(together) == len(mixed)

    def teardown(self) -> None:
        self.folder.cleanup()

    def _fit(self, seed: int, tasks: list[str]) -> None:
        X, y, task = self._table(seed, tasks)
        self.model.fit(X, y, task=task)
        self.said = {name: self._ask(name) for name in tasks}

    def _table(self, seed: int, tasks: list[str]) -> tuple[Any, Any, Any]:
        X, y = _rows(12 * len(tasks), seed, self.labels)
        return X, y, np.repeat(tasks, 12)

    def _ask(self, task: str) -> Any:
        method = self.model.predict_proba if self.labels else self.model.predict
        return method(PROBES, task=[task] * len(PROBES))


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=300 if LONG else 6,
    stateful_step_count=30 if LONG else 8,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
)

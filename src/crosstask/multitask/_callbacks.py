"""scikit-learn's callbacks (its version 1.9 and later): each fold and each iterate of a fit is a task they hear of."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Self

from crosstask.multitask._tuning import report_progress, tell_iterates

HAS_CALLBACKS = importlib.util.find_spec("sklearn.callback") is not None
_callback: Any = importlib.import_module("sklearn.callback") if HAS_CALLBACKS else None


class _Without:
    """Stands in for the mixin before 1.9: there is no ``set_callbacks``."""


Callbacks: Any = _callback.CallbackSupportMixin if HAS_CALLBACKS else _Without


def with_callbacks(fit: Any) -> Any:
    """Decorate ``fit``, so that callbacks are torn down however it ends."""
    return _callback.with_callbacks(fit) if HAS_CALLBACKS else fit


class Telling:
    """Tells ``verbose`` of one fit, and from ``begin`` on the callbacks that are set."""

    def __init__(self, estimator: Any) -> None:
        self.estimator, self.verbose = estimator, estimator.verbose
        self.context: Any = None

    def begin(self, X: Any, y: Any) -> Self:
        """Tell that ``fit`` was called with X and y."""
        if hasattr(self.estimator, "_skl_callbacks"):
            self.rows = {"X": X, "y": y}
            self.context = self.estimator._init_callback_context(max_subtasks=None)
            self.context.call_on_fit_task_begin(estimator=self.estimator, **self.rows)
        return self

    def end(self) -> None:
        """Tell that the estimator is fitted."""
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.estimator, **self.rows, reconstruction_attributes={})

    @contextmanager
    def folds(self, n_folds: int) -> Generator[Any]:
        """Give what is to be called as (done, total, text) after each fold."""
        if self.context is None or not n_folds:
            yield self.verbose
            return
        with self._stage("choose alpha", "fold", n_folds) as step:

            def tell(done: int, total: int, text: str) -> None:
                report_progress(self.verbose, done, total, text)
                step()

            yield tell

    @contextmanager
    def iterates(self) -> Generator[Any]:
        """Give what is to be called as (done, total, text) after each iterate whose gap is known."""
        if self.context is None:
            yield self.verbose
            return
        said = tell_iterates(self.verbose)
        with self._stage("fit all rows", "iterate", None) as step:

            def tell(done: int, total: int, text: str) -> None:
                if said is not None:
                    said(done, total, text)
                step()

            yield tell

    @contextmanager
    def _stage(self, name: str, step_name: str, n_steps: int | None) -> Generator[Any]:
        stage = self.context.subcontext(task_name=name, max_subtasks=n_steps)
        stage.call_on_fit_task_begin(estimator=self.estimator)

        def step() -> None:
            task = stage.subcontext(task_name=step_name).call_on_fit_task_begin(estimator=self.estimator)
            task.call_on_fit_task_end(estimator=self.estimator)

        yield step
        stage.call_on_fit_task_end(estimator=self.estimator)

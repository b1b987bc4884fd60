"""A fit of a table on disk by passes over its batches: encoder, moments, Newton's steps."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from crosstask.auto._bookmark import Bookmark
from crosstask.auto._column_encoder import Column, ColumnEncoder, ColumnSurvey, Kind, days
from crosstask.losses import Logistic, Loss, Poisson, Squared, as_loss
from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor
from crosstask.multitask._newton_rounds import NewtonRounds, check_for_rounds
from crosstask.multitask._row_sums import Answer, Question, add_row_sums
from crosstask.summaries import TaskStatistics
from crosstask.summaries._batches import BigTable, column_numbers, encoded_column, only_used, open_table
from crosstask.summaries._out_of_core import AHEAD, one_by_one, teller
from crosstask.summaries._reading import deal_rows
from crosstask.tasks import TaskData, as_task_ids

Array = NDArray[np.float64]
SECONDS = 1.0  # between two lines of progress
MOST_CLASSES = 1000  # values of a target that are counted


@dataclass(frozen=True)
class PassRequest:
    """The arguments of ``fit_table``."""

    path: Path
    target: str
    features: list[str] | None
    n_folds: int
    batch_rows: int
    delimiter: str
    checkpoint: Path | None
    every: float
    verbose: Any


@dataclass(frozen=True)
class EncodedRows:
    """Rows of a batch: the encoded features and the target (d + 1, n), distinct task ids, and their places."""

    table: Array
    tasks: NDArray[Any]
    codes: NDArray[np.int64]


def fit_by_passes(model: Any, request: PassRequest) -> None:
    """Fit an EncodedTasks from a table on disk.

    Raises
    ------
    ValueError
        In one line, before the first pass where that can be.
    """
    inner, loss = _checked(model)
    if not isinstance(model.task_column, str):
        raise ValueError(f"fit_table reads the tasks from a column, and task_column={model.task_column!r}: name it.")
    table = open_table(
        request.path,
        request.target,
        model.task_column,
        request.features,
        batch_rows=request.batch_rows,
        delimiter=request.delimiter,
        only_numbers=False,
    )
    kind = table.kinds[table.target]
    if kind == "date" or (kind == "text" and not is_classifier(inner)):
        raise ValueError(
            f"column {table.target!r} of {table.path} holds {kind}s, and {type(inner).__name__} cannot "
            "predict these: name another target, or another estimator."
        )
    _TableFit(model, inner, loss, table, request).run()


def _checked(model: Any) -> tuple[Any, Loss]:
    """Return the unfitted estimator inside, and its loss."""
    inner = model._fresh()
    if not isinstance(inner, (MultiTaskRegressor, MultiTaskClassifier)):
        raise ValueError(
            f"fit_table fits MultiTaskRegressor and MultiTaskClassifier, and was given {type(inner).__name__}: call "
            "fit with rows in memory."
        )
    loss = as_loss(inner.loss, n_classes=2) if is_classifier(inner) else as_loss(inner.loss)
    if isinstance(loss, Squared):
        inner._check_options()
    elif isinstance(loss, (Logistic, Poisson)) and loss.classifies == is_classifier(inner):
        check_for_rounds(inner)
    else:
        raise ValueError(
            f"loss={inner.loss!r} has no fit by passes: use 'squared', 'poisson' or 'logistic', or call fit with rows "
            "in memory."
        )
    return inner, loss


class _TableFit:
    """One fit, which goes from stage to stage and can be left at any batch."""

    def __init__(self, model: Any, inner: Any, loss: Loss, table: BigTable, request: PassRequest) -> None:
        self.model, self.inner, self.loss, self.table = model, inner, loss, table
        self.n_folds = request.n_folds if inner.alpha == "auto" else 0
        self.tell: Callable[[int, str], object] = teller(request.verbose, table.n_rows)
        of_what = [table.fingerprint, table.kinds, str(inner), self.n_folds]
        self.bookmark = Bookmark(request.checkpoint, request.every, of_what)
        kinds: dict[str, Kind] = {"text": "category", "date": "date"}
        self.surveys = [ColumnSurvey(name, kinds.get(table.kinds[name], "number")) for name in table.features]
        self.labels: Counter[Any] = Counter()
        self.n_tasks: set[Any] = set()
        self.left_out = 0
        self.statistics: TaskStatistics | None = None
        self.rounds: NewtonRounds | None = None
        self.answer: Answer | None = None
        self.done = 0

    def run(self) -> None:
        """Go through the stages that are left."""
        stage = self.bookmark.restore(self)
        if self.done or stage != "survey":
            self.tell(self.done, f"going on from {self.bookmark.path}")
        self.tell(self.done, _batches_needed(self.table))
        if stage == "survey":
            self._pass("survey", "columns", self._count)
            stage = "moments"
        self.encoder = ColumnEncoder.learnt(self.surveys)
        if is_classifier(self.inner):
            self.classes = _two_classes(self.labels, self.table)
        if self.statistics is None:
            self.statistics = TaskStatistics(n_folds=self.n_folds)
            self.statistics._begin([], self.encoder.names_out_)
        self.tell(self.done, self._fits_needed())
        if stage == "moments":
            self._pass("moments", "moments", self._absorb)
        self._solve()
        if self.bookmark.path is not None:
            self.bookmark.path.unlink(missing_ok=True)
        if self.left_out:
            warnings.warn(
                f"{self.left_out} rows of {self.table.path} have no target or no task, and were left out.",
                stacklevel=4,
            )

    def _pass(self, stage: str, said: str, handle: Callable[[Any], None]) -> None:
        """Show every batch that is left of a pass to ``handle``."""
        start = spoken = time.monotonic()
        first, whole = self.done, True
        try:
            for chunk in one_by_one(self.table.chunks(self.done)):
                whole = False
                handle(chunk)
                self.done += chunk.num_rows
                whole = True
                now = time.monotonic()
                if now - spoken >= SECONDS:
                    spoken = now
                    self.tell(self.done, f"{said}: {(self.done - first) / (now - start):,.0f} rows a second")
                self.bookmark.write_sometimes(stage, self)
        except KeyboardInterrupt:
            if whole:  # a second Ctrl-C leaves a batch half summed
                self.bookmark.write(stage, self)
            raise
        if not self.done:
            raise ValueError(f"{self.table.path} has no rows to learn from.")
        took = max(time.monotonic() - start, 1e-9)
        self.tell(self.done, f"{said} done, {(self.done - first) / took:,.0f} rows a second")
        self.done = 0

    def _count(self, chunk: Any) -> None:
        """Learn of the columns, the target and the tasks."""
        kept, names, _ = self._known_rows(chunk)
        self.left_out += chunk.num_rows - len(kept)
        self.n_tasks.update(names.tolist())
        for one in self.surveys:
            one.add(_arrow_column(chunk.column(one.name).take(kept), self.table.kinds[one.name]))
        if is_classifier(self.inner):
            values, codes = encoded_column(chunk.column(self.table.target).take(kept))
            counts = np.bincount(codes, minlength=len(values)).tolist()
            self.labels.update({v: k for v, k in zip(values.tolist(), counts, strict=True) if k})
            if len(self.labels) > MOST_CLASSES:
                raise ValueError(
                    f"column {self.table.target!r} has more than {MOST_CLASSES} values, and two classes are wanted: "
                    "use MultiTaskRegressor, if they are amounts."
                )

    def _known_rows(self, chunk: Any) -> tuple[Any, NDArray[Any], NDArray[np.int64]]:
        """Return which rows have a target and a task, the task names, and the place of each row's."""
        names, codes = encoded_column(chunk.column(self.table.task))
        target, kind = chunk.column(self.table.target), self.table.kinds[self.table.target]
        known = (codes >= 0) & target.is_valid().to_numpy(zero_copy_only=False)
        if kind == "number":
            known &= ~np.isnan(column_numbers(target))
        elif kind == "text":
            known &= encoded_column(target)[1] >= 0
        return np.flatnonzero(known), *only_used(names, codes[known])

    def _encoded(self, chunk: Any) -> EncodedRows:
        kept, names, codes = self._known_rows(chunk)
        columns = [_arrow_column(chunk.column(name).take(kept), self.table.kinds[name]) for name in self.table.features]
        table = np.empty((len(self.encoder.names_out_) + 1, len(codes)))
        table[:-1] = self.encoder.encode(columns).T
        table[-1] = self._target(chunk.column(self.table.target).take(kept))
        return EncodedRows(table, as_task_ids(names, len(names), f"column {self.table.task!r}"), codes)

    def _target(self, column: Any) -> Array:
        if not is_classifier(self.inner):
            y = column_numbers(column)
            if np.isinf(y).any():
                raise ValueError(f"column {self.table.target!r} has infinite values (infinity): correct them.")
            self.loss.check_target(np.asarray(y, dtype=np.float64))
            return y
        values, codes = encoded_column(column)
        return np.array([float(value == self.classes[1]) for value in values.tolist()], dtype=np.float64)[codes]

    def _absorb(self, chunk: Any) -> None:
        rows = self._encoded(chunk)
        assert self.statistics is not None
        if len(rows.codes):
            self.statistics._absorb_batch(rows.table, rows.tasks, rows.codes)

    def _solve(self) -> None:
        """Fit from the moments, or by further passes."""
        assert self.statistics is not None
        self.statistics.columns_ = self.statistics.feature_names_ = None  # the estimator inside knows no names
        self.statistics.door_, self.statistics.task_column = "array", None
        if is_classifier(self.inner):
            self.inner.classes_, self.inner._weight_of_class = self.classes, None
        if isinstance(self.loss, Squared):
            self.inner.fit_statistics(self.statistics)
        else:
            self._newton()
        self._fill()

    def _newton(self) -> None:
        assert self.statistics is not None
        self.rounds = rounds = NewtonRounds(self.inner, self.inner._check_options(), self.loss, self.statistics)
        self.bookmark.restore_rounds(self)
        while (question := rounds.question()) is not None:
            J, d = len(question.coef), self.statistics.n_features_
            if self.answer is None:
                self.answer = Answer.empty(question.tasks, J, d)
            said = f"Newton's pass {rounds.n_rounds + 1} ({J} {'fit' if J == 1 else 'fits'})"
            self._pass("newton", said, lambda chunk, asked=question: self._sum(chunk, asked))
            answer, self.answer = self.answer, None
            rounds.step(answer)
        rounds.finish()

    def _sum(self, chunk: Any, question: Question) -> None:
        rows = self._encoded(chunk)
        assert self.answer is not None
        if not len(rows.codes):
            return
        order = np.argsort(rows.codes, kind="stable")
        by_id = np.argsort(rows.tasks)
        sizes = np.bincount(rows.codes, minlength=len(rows.tasks))
        if (by_id[:-1] > by_id[1:]).any():
            rank = np.argsort(by_id)
            order, sizes = np.argsort(rank[rows.codes], kind="stable"), sizes[by_id]
        table = rows.table[:, order]
        data = TaskData(
            X=np.ascontiguousarray(table[:-1].T),
            y=table[-1],
            sample_weight=np.ones(len(order)),
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp),
            order=np.arange(len(order), dtype=np.intp),
            tasks=rows.tasks[by_id],
        )
        add_row_sums(self.answer, question, data, deal_rows(table, self.n_folds), self.loss)

    def _fill(self) -> None:
        """Set on the model what ``fit`` sets."""
        model, table = self.model, self.table
        model.encoder_ = self.encoder
        model.tasks_, model.door_, model.wide_order_ = self.inner.tasks_, "column", None
        model.feature_names_in_ = np.array(table.columns, dtype=object)
        model.n_features_in_ = len(table.columns)
        if is_classifier(self.inner):
            model.classes_ = self.classes
        model._keep(self.inner)

    def _fits_needed(self) -> str:
        """Say what the rest will hold in memory."""
        d, T = len(self.encoder.names_out_), len(self.n_tasks)
        F, p = max(self.n_folds, 1), d + 1
        fits = 1 if isinstance(self.loss, Squared) else F * self.inner.n_alphas if self.n_folds else 1
        moments = F * (p * p + p + 2) * 3
        sums = 0 if isinstance(self.loss, Squared) else fits * (2 * p * p + 6 * p)
        return (
            f"memory: {T:,} tasks x {d} encoded columns, {F} {'fold' if F == 1 else 'folds'}, {fits} "
            f"{'fit' if fits == 1 else 'fits'} at a time: {T * (moments + sums) * 8 / 1e6:,.0f} MB at most"
        )


def _batches_needed(table: BigTable) -> str:
    rows = table.batch_rows
    columns = len(table.features) + 2
    return (
        f"memory: {AHEAD} batches of {rows:,} rows x {columns} columns, {AHEAD * rows * columns * 8 / 1e6:,.0f} MB, "
        "more where text is spread over columns; what the tasks take is said after the first "
        "pass, before the fit; Python and pyarrow come on top"
    )


def _arrow_column(column: Any, kind: str) -> Column:
    """Return a column of a record batch as the encoder takes it; spaces around a text are removed, blank is a gap."""
    if kind == "date":
        import pyarrow as pa

        stamps = column.cast(pa.timestamp("us"))
        return Column(days(stamps.to_numpy(zero_copy_only=False).astype("datetime64[us]")), is_date=True)
    if kind != "text":
        return Column(np.asarray(column_numbers(column), dtype=np.float64))
    texts, codes = encoded_column(column)
    place: dict[str, int] = {}
    known = [place.setdefault(text.strip(), len(place)) if text.strip() else -1 for text in texts.tolist()]
    return Column(np.array([*known, -1], dtype=np.int64)[codes], list(place))  # code -1 reads the last


def _two_classes(labels: Counter[Any], table: BigTable) -> NDArray[Any]:
    """Return the classes in sorted order."""
    values = sorted(labels)
    if len(values) != 2:
        shown = ", ".join(map(repr, values[:6])) + (", .." if len(values) > 6 else "")
        raise ValueError(
            f"column {table.target!r} has {len(values)} class(es) ({shown}), and fit_table takes two: join some, or "
            "call fit with rows in memory."
        )
    if all(isinstance(value, float) and value.is_integer() for value in values):
        values = [int(value) for value in values]  # CSV has no other whole numbers
    return np.array(values)

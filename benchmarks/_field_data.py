"""The real tables of ``field.py``: draws of so many training rows a task, and up to 100 test rows a task."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.datasets import load_heart, load_sentences
from crosstask.model_selection import TaskKFold

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
NAMES = ("school", "parkinsons", "nlschools", "heart", "sentences", "usps_kang")
SIZES = (10, 20, 40, 80)
MOST_TASKS = 40
MOST_TEST_ROWS = 100
FEWEST_TEST_ROWS = 5
MOST_WORDS = 400


@dataclass(frozen=True)
class Table:
    """One real table; labels are 0 and 1 where it classifies. ``trainable`` rows may be drawn for training."""

    name: str
    X: Any
    y: NDArray[Any]
    task: NDArray[np.intp]
    classification: bool
    trainable: NDArray[np.bool_]


@dataclass(frozen=True)
class Draw:
    """Training and test rows, and the folds with which every rival is tuned."""

    X: NDArray[np.float64]
    y: NDArray[Any]
    task: NDArray[np.intp]
    X_test: NDArray[np.float64]
    y_test: NDArray[Any]
    task_test: NDArray[np.intp]
    classification: bool
    seed: int

    def folds(self, n_splits: int = 5) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Return folds that hold a part of each task, and of each class of a task."""
        folds = TaskKFold(n_splits, random_state=self.seed)
        return list(folds.split(self.X, self.y if self.classification else None, task=self.task))


def load_table(name: str) -> Table | None:
    """Return a table, or None (and say so) where its file is missing."""
    if name == "heart":
        heart = load_heart()
        X = heart.drop(columns=["hospital", "ill"]).to_numpy(dtype=float)
        return _table(name, X, heart["ill"].to_numpy().astype(int), heart["hospital"], True)
    if name == "sentences":
        sentences = load_sentences()
        return _table(name, sentences["text"].to_numpy(), sentences["positive"].to_numpy(), sentences["site"], True)
    path = DATA / f"{name}.npz"
    if not path.exists():
        print(f"{path} is missing: set CROSSTASK_DATA to the folder that holds it; {name} is left out.")
        return None
    stored = np.load(path)
    X = stored["X"].astype(float)
    if name == "usps_kang":
        return _one_against_rest(X, stored["y"].astype(int), stored["fold"])
    y = stored["y"].astype(float)
    return _table(name, X[:, X.std(axis=0) > 0], y[:, 0] if y.ndim == 2 else y, stored["task"], False)


def _table(name: str, X: Any, y: Any, task: Any, classification: bool) -> Table:
    codes = np.unique(np.asarray(task).astype(str), return_inverse=True)[1].reshape(-1)
    return Table(name, X, np.asarray(y), codes, classification, np.ones(len(codes), dtype=bool))


def _one_against_rest(X: Any, digit: Any, fold: Any) -> Table:
    """Each image once for each digit: is it this one? Images of fold 0 train, the others test."""
    n, T = len(X), 10
    task = np.repeat(np.arange(T), n)
    y = (np.tile(digit, T) == np.unique(digit)[task]).astype(int)
    return Table("usps_kang", np.tile(X, (T, 1)), y, task, True, np.tile(fold == 0, T))


def draw(table: Table, n_rows: int, split: int) -> Draw | None:
    """Draw rows without regard to y; None where fewer than three tasks have rows enough.

    Where more than 40 tasks have, the same 40 of them serve all splits. The images of usps_kang serve one task each.
    """
    counts = np.bincount(table.task)
    able = np.flatnonzero(counts >= n_rows + FEWEST_TEST_ROWS)
    if len(able) < 3:
        return None
    tasks = np.sort(np.random.default_rng(n_rows).permutation(able)[:MOST_TASKS])
    rng = np.random.default_rng([split, n_rows])
    images = rng.permutation(np.flatnonzero(table.trainable[table.task == 0])) if table.name == "usps_kang" else None
    train: list[NDArray[np.intp]] = []
    test: list[NDArray[np.intp]] = []
    for t in tasks:
        rows = rng.permutation(np.flatnonzero(table.task == t))
        if images is not None:
            of_task = np.flatnonzero(table.task == t)
            train.append(of_task[images[t * n_rows : (t + 1) * n_rows]])
            test.append(rows[~table.trainable[rows]][:MOST_TEST_ROWS])
        else:
            train.append(rows[:n_rows])
            test.append(rows[n_rows : n_rows + MOST_TEST_ROWS])
    fit, new = np.concatenate(train), np.concatenate(test)
    if table.classification and len(np.unique(table.y[fit])) < 2:
        return None
    X, X_test = table.X[fit], table.X[new]
    if table.name == "sentences":
        X, X_test = _tf_idf(X, X_test)
    drawn = Draw(X, table.y[fit], table.task[fit], X_test, table.y[new], table.task[new], table.classification, split)
    kept = np.nanstd(np.where(np.isnan(X).all(axis=0), 0.0, X), axis=0) > 0
    return replace(drawn, X=X[:, kept], X_test=X_test[:, kept])


def _tf_idf(texts: Any, new: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=MOST_WORDS)
    return words.fit_transform(texts).toarray(), words.transform(new).toarray()

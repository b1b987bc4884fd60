"""With labels: which tasks the guarded model harms now, and where it does worse than at fit."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.base import is_classifier

from crosstask.guard._assess import evidence_of
from crosstask.guard._held_out import ask
from crosstask.guard._losses import check_scoring
from crosstask.lifecycle._remarks import Remark, listed
from crosstask.metrics import task_gain
from crosstask.tasks import n_rows, pop_column, take_rows

Array = NDArray[np.float64]
FEWEST = 5


def harms(model: Any, table: Any, y: Any, ids: NDArray[Any]) -> list[Remark]:
    """Compare the guarded model with each task's own on labelled rows of known tasks; the most harmed come first.

    Raises
    ------
    ValueError
        If y does not fit X.
    """
    guard = getattr(model, "guard_", model)
    if not hasattr(guard, "own_"):
        return []  # nothing to compare with was kept
    targets = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    if targets.shape != (n_rows(table),):
        raise ValueError(f"y has shape {targets.shape} for {n_rows(table)} rows of X: give one value for each row.")
    known = np.isin(ids, model.tasks_)
    notes: list[Remark] = []
    if is_classifier(model):
        labelled = np.isin(targets, model.classes_)
        if not labelled.all():
            shown = listed(np.unique(targets[~labelled]).tolist())
            said = f"{int((~labelled).sum())} rows have classes that fit has not seen ({shown})."
            notes.append(Remark("new_class", said, after=int((~labelled).sum())))
        known &= labelled
    else:
        targets = np.asarray(targets, dtype=np.float64)
        known &= np.isfinite(targets)
    if not known.any():
        return notes
    rows = np.flatnonzero(known)
    rows = rows[np.argsort(ids[rows], kind="stable")]
    guarded, own = _losses(model, guard, take_rows(table, rows), targets[rows], ids[rows])
    gains = task_gain(own, guarded, ids[rows], random_state=0).reset_index()
    found = [note for note in (_harm(guard, gain) for gain in gains.to_dict("records")) if note is not None]
    found = sorted(found, key=lambda note: note.after)
    return found + _worse(guard, guarded, ids[rows]) + notes


def _losses(model: Any, guard: Any, table: Any, y: NDArray[Any], ids: NDArray[Any]) -> tuple[Array, Array]:
    """Return the loss of the guarded and of the own model on each row, as the guard reckons; rows sorted by task."""
    classes = guard.classes_ if is_classifier(guard) else None
    by_array = {} if model.task_column is not None else {"task": ids}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixed = np.asarray(getattr(model, "predict" if classes is None else "predict_proba")(table, **by_array))
    if guard is not model:
        matrix = model._read_again(model._open_predict(table, by_array.get("task")))[0]
    else:
        matrix = guard._pop_fold_columns(table, None, None, fit=False)[0]
        matrix = matrix if model.task_column is None else pop_column(matrix, model.task_column)[0]
    alone = ask(guard.candidates_[guard.own_], matrix, ids, classes, False)
    scoring, q = check_scoring(guard.scoring, classes is not None, "response")
    codes = np.searchsorted(guard.tasks_, ids)
    evidence = evidence_of(
        np.stack([mixed.reshape(alone.shape), alone], axis=1),
        y if classes is None else np.searchsorted(classes, y),
        codes,
        np.ones(len(y)),
        np.zeros(len(y), dtype=np.intp),
        len(guard.tasks_),
        scoring=scoring,
        q=q,
        linear=False,
        n_classes=0 if classes is None else len(classes),
        own=1,
    )
    losses = evidence.candidate_rows()
    return losses[:, 0], losses[:, 1]


def _harm(guard: Any, gain: dict[Any, Any]) -> Remark | None:
    if gain["task"] not in set(guard.tasks_.tolist()) or gain["n"] < FEWEST or not gain["high"] < 0.0:
        return None
    task, percent = gain["task"], -100.0 * gain["gain"]
    said = (
        f"{task} is harmed: on {int(gain['n'])} new rows its {guard._loss_name} is {percent:.0f} % above its own "
        f"model's ({-100 * gain['high']:.0f} to {-100 * gain['low']:.0f} %): fit again."
    )
    return Remark("harmed", said, task, None, 0.0, float(gain["gain"]))


def _worse(guard: Any, losses: Array, ids: NDArray[Any]) -> list[Remark]:
    notes: list[Remark] = []
    for task, at_fit in zip(guard.tasks_.tolist(), guard._gain["guarded_loss"], strict=True):
        mine = losses[ids == task]
        if len(mine) < FEWEST or not np.isfinite(at_fit):
            continue
        half = float(stats.t.ppf(0.975, len(mine) - 1)) * float(mine.std(ddof=1)) / np.sqrt(len(mine))
        mean = float(mine.mean())
        if mean - half > at_fit:
            said = (
                f"{task} does worse than at fit: its {guard._loss_name} is {mean:.3g} on {len(mine)} new rows "
                f"(at least {mean - half:.3g}), and was {at_fit:.3g} held out."
            )
            notes.append(Remark("worse", said, task, None, float(at_fit), mean))
    return sorted(notes, key=lambda note: -note.after / max(note.before, 1e-300))

"""Task ids: read from any column or array, checked once, encoded as 0 .. n_tasks - 1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntVector = NDArray[np.intp]


def as_task_ids(values: Any, n_rows: int, where: str, *, noun: str = "task") -> NDArray[Any]:
    """Return task ids as a one-dimensional array of integers or text.

    Parameters
    ----------
    values : array-like of shape (n_rows,)
        Integers, text, booleans, dates or a categorical column.
    n_rows : int
        Number of rows that X has.
    where : str
        What the caller named, for the messages: ``"column 'site'"`` or ``"task="``.
    noun : str, default="task"
        What the ids are of, for the messages.

    Returns
    -------
    ndarray of shape (n_rows,)
        dtype int64 or unicode; whole floats become integers, dates and truth values text.

    Raises
    ------
    ValueError
        If the length differs from X, an id is missing, numbers and text are mixed, or two ids differ only
        by type, spaces or leading zeros.
    """
    ids = _vector(values, n_rows, where, noun)
    _refuse_missing(ids, where, noun)
    return _canonical(_from_objects(ids, where) if ids.dtype.kind == "O" else ids, where)


def _vector(values: Any, n_rows: int, where: str, noun: str) -> NDArray[Any]:
    if isinstance(values, (list, tuple, range)):
        ids = np.fromiter(values, dtype=object, count=len(values))  # np.asarray would turn 17 beside "a" into text
    else:
        ids = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if ids.ndim != 1:
        raise ValueError(f"{where} must be one-dimensional, one id a row; it has shape {ids.shape}.")
    if len(ids) != n_rows:
        raise ValueError(f"{where} has {len(ids)} {noun} ids for {n_rows} rows of X; give one id for each row.")
    return ids


def _canonical(ids: NDArray[Any], where: str) -> NDArray[Any]:
    """Return int64 or text, spelled in the same way whatever the dtype was."""
    kind = ids.dtype.kind
    if kind == "U" or ids.dtype == np.int64:
        return ids
    if kind == "f":
        if np.isinf(ids).any():
            raise ValueError(f"{where} holds infinite ids (first at row {int(np.isinf(ids).argmax())}): correct them.")
        exact = np.abs(ids) < 2.0**53
        return ids.astype(np.int64) if (exact & (ids == np.floor(ids))).all() else ids.astype(str)
    if kind in "iu":
        return ids.astype(np.int64) if kind == "i" or ids.max(initial=0) <= np.iinfo(np.int64).max else ids.astype(str)
    if kind == "M":
        return np.datetime_as_string(ids, unit="auto").astype(str)  # a date alone, whatever its resolution
    return np.array([value.decode() if isinstance(value, bytes) else str(value) for value in ids.tolist()])


def _refuse_missing(ids: NDArray[Any], where: str, noun: str) -> None:
    if ids.dtype.kind in "fcmM":
        missing = np.isnat(ids) if ids.dtype.kind in "mM" else np.isnan(ids)
    elif ids.dtype.kind == "O":
        missing = np.array([_is_missing(value) for value in ids], dtype=bool)
    elif ids.dtype.kind == "U":
        missing = np.char.str_len(np.char.strip(ids)) == 0
    else:
        return
    if missing.any():
        raise ValueError(
            f"{where} has {int(missing.sum())} missing {noun} ids (first at row {int(missing.argmax())}): "
            "drop these rows, or give them an id of their own such as 'unknown'."
        )


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    try:
        return bool(value != value)  # NaN and NaT differ from themselves
    except TypeError:  # pandas.NA refuses to be a truth value
        return True


def _from_objects(ids: NDArray[Any], where: str) -> NDArray[Any]:
    kinds = {_kind(value) for value in ids}
    if kinds == {"text"}:
        return ids.astype(str)
    if kinds == {"whole number"}:
        try:
            return ids.astype(np.int64)
        except OverflowError:
            return ids.astype(str)
    if kinds <= {"whole number", "number"}:
        return ids.astype(np.float64)
    if len(kinds) > 1:
        first = {kind: next(v for v in ids if _kind(v) == kind) for kind in sorted(kinds)}
        shown = " and ".join(repr(value) for value in first.values())
        raise ValueError(
            f"{where} mixes types ({shown}), so that one task may hide behind two ids: "
            "convert the whole column first, for example with .astype(str)."
        )
    if kinds == {"date"}:
        return ids.astype("datetime64[us]")
    return np.array([str(value) for value in ids])


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "truth value"
    if isinstance(value, (int, np.integer)):
        return "whole number"
    if isinstance(value, (float, np.floating)):
        return "number"
    return "date" if isinstance(value, date) and getattr(value, "tzinfo", None) is None else "other"


def _plain(task_id: Any) -> str:
    """Spell an id without what does not distinguish tasks: spaces, leading zeros, a trailing '.0'."""
    text = str(task_id).strip()
    if text.endswith(".0") and text[:-2].lstrip("-").isdigit():
        text = text[:-2]
    return str(int(text)) if text.lstrip("-").isdigit() and text.isascii() else text


@dataclass(frozen=True)
class TaskIndex:
    """The known tasks, in sorted order; encodes ids as positions.

    Parameters
    ----------
    ids : ndarray of shape (n_tasks,)
        Distinct sorted ids.
    """

    ids: NDArray[Any]

    @classmethod
    def learn(cls, ids: NDArray[Any], where: str) -> tuple[TaskIndex, IntVector]:
        """Learn the distinct ids and return them with the code of each row.

        Raises
        ------
        ValueError
            If two distinct ids differ only by spaces, leading zeros or a trailing ``.0``.
        """
        unique, codes = np.unique(ids, return_inverse=True)
        if unique.dtype.kind == "U":
            spelled: dict[str, Any] = {}
            for task_id in unique:
                twin = spelled.setdefault(_plain(task_id), task_id)
                if twin != task_id:
                    raise ValueError(
                        f"{where} has the ids {str(twin)!r} and {str(task_id)!r}, which differ only by spaces, "
                        "leading zeros or type: spell one task in one way (for example .str.strip(), .astype(int), "
                        "or .str.zfill(3))."
                    )
        return cls(unique), codes.reshape(-1).astype(np.intp, copy=False)

    def encode(self, ids: NDArray[Any], where: str) -> IntVector:
        """Return the code of each id, -1 where the id is unknown.

        Raises
        ------
        ValueError
            If an unknown id differs from a known one only by type, spaces or leading zeros.
        """
        if ids.dtype.kind != self.ids.dtype.kind:
            self._refuse_lookalikes(np.unique(ids), where)
            return np.full(len(ids), -1, dtype=np.intp)
        position = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        codes = np.where(self.ids[position] == ids, position, -1).astype(np.intp, copy=False)
        if self.ids.dtype.kind == "U" and (codes < 0).any():
            self._refuse_lookalikes(np.unique(ids[codes < 0]), where)
        return codes

    def _refuse_lookalikes(self, unknown: NDArray[Any], where: str) -> None:
        spelled = {_plain(task_id): task_id for task_id in self.ids}
        for task_id in unknown:
            twin = spelled.get(_plain(task_id))
            if twin is not None:
                given, known = task_id.item(), twin.item()
                raise ValueError(
                    f"{where} has the id {given!r} ({_described(given)}), but the model was fitted with {known!r} "
                    f"({_described(known)}): read the task column as in fit, for example with "
                    f"{'.astype(int)' if not isinstance(known, str) else 'dtype=str'}."
                )


def _described(task_id: Any) -> str:
    return "text" if isinstance(task_id, str) else "a number"


def strange_task(tasks: NDArray[Any]) -> Any:
    """Return an id that none of the tasks has."""
    if tasks.dtype.kind == "U":
        return "unseen " + max(tasks.tolist(), key=len)
    return int(tasks.max()) + 1

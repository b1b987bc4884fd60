"""Which columns of X are features, which one is the time, and which one only says what belongs together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

Column = str | int | None


@dataclass(frozen=True)
class Roles:
    """Positions in the table that is left when the task column is taken out.

    ``features`` are the columns that models see (the time among them), ``names`` their names, ``time`` the name of
    the time column and ``group`` the position of the group column, or None.
    """

    features: list[int]
    names: list[str]
    time: str | None
    group: int | None

    def feature_table(self, table: Any) -> Any:
        """Return the columns that models see."""
        if len(self.features) == table.shape[1]:
            return table
        return _safe_indexing(table, self.features, axis=1)


def find_roles(model: Any, task_by_column: bool) -> Roles:
    """Find the columns that a model's ``task_column``, ``time_column`` and ``group_column`` name.

    Raises
    ------
    ValueError
        If a column is absent, or named for two roles.
    """
    names = getattr(model, "feature_names_in_", None)
    n = model.n_features_in_
    all_names = [str(name) for name in names] if names is not None else [f"x{j}" for j in range(n)]
    position: dict[str, int] = {}
    for role in ("task_column", "time_column", "group_column"):
        column: Column = getattr(model, role)
        if column is not None and (role != "task_column" or task_by_column):
            position[role] = _position(column, role, all_names if names is not None else None, n)
    for first, second in combinations(("task_column", "time_column", "group_column"), 2):
        if first in position and position.get(first) == position.get(second):
            raise ValueError(
                f"{first} and {second} both name the column {all_names[position[first]]!r}: name a column for one of "
                "them only."
            )
    task = position.get("task_column")
    rest = [j for j in range(n) if j != task]
    place = {j: k for k, j in enumerate(rest)}
    group = position.get("group_column")
    features = [j for j in rest if j != group]
    return Roles(
        features=[place[j] for j in features],
        names=[all_names[j] for j in features],
        time=all_names[position["time_column"]] if "time_column" in position else None,
        group=None if group is None else place[group],
    )


def _position(column: Any, role: str, names: list[str] | None, n: int) -> int:
    if names is not None and column in names:
        return names.index(column)
    if isinstance(column, (int, np.integer)) and not isinstance(column, bool) and -n <= column < n:
        return int(column) % n
    if names is None:
        raise ValueError(f"{role}={column!r} is no position in X, an array with {n} columns: give 0 to {n - 1}.")
    shown = ", ".join(map(repr, names[:12])) + (", .." if len(names) > 12 else "")
    raise ValueError(f"X has no column {column!r} to use as {role}; its columns are {shown}.")

"""Remarks on a model: a frame that prints as sentences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

SHOWN = 40


@dataclass(frozen=True)
class Remark:
    """One thing noticed.

    Parameters
    ----------
    code : str
        What it is, for a program.
    sentence : str
        What it is, for a person.
    task, column : object, str or None
        What it is about.
    before, after : float, str or None
        What was, and what is.
    """

    code: str
    sentence: str
    task: Any = None
    column: str | None = None
    before: Any = None
    after: Any = None


class Remarks(pd.DataFrame):
    """A frame (code, task, column, before, after, sentence) that prints as sentences.

    What is cut out of it is an ordinary data frame.
    """

    @classmethod
    def of(cls, notes: list[Remark]) -> Remarks:
        """Lay notes out as a frame."""
        columns = ["code", "task", "column", "before", "after", "sentence"]
        return cls(pd.DataFrame([asdict(note) for note in notes], columns=columns))

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def sentences(self) -> list[str]:
        """Return what was noticed, a sentence for each."""
        return [str(sentence) for sentence in self["sentence"]]

    def __repr__(self) -> str:
        lines = self.sentences()
        if not lines:
            return "nothing to note."
        rest = [f".. and {len(lines) - SHOWN} more."] if len(lines) > SHOWN else []
        return "\n".join(lines[:SHOWN] + rest)

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        from html import escape

        return "<br>".join(escape(line) for line in repr(self).split("\n"))


def listed(values: list[Any], most: int = 5) -> str:
    """Spell a few of the values."""
    return ", ".join(repr(value) for value in values[:most]) + (", .." if len(values) > most else "")

"""The verdict on each source: a frame that prints as plain lines."""

from __future__ import annotations

from typing import Any

import pandas as pd

MANY_SOURCES = 20


class SourceTable(pd.DataFrame):
    """A frame (source, n, loss, threshold, verdict, weight, reason) that prints as sentences.

    What is cut out of it is an ordinary data frame.
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def sentences(self) -> list[str]:
        """Return one sentence a source."""
        return [f"{source}: {reason}" for source, reason in zip(self["source"], self["reason"], strict=True)]

    def __repr__(self) -> str:
        lines = self.sentences()
        if len(lines) <= MANY_SOURCES:
            return "\n".join(lines) or "no sources: the target alone."
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self["verdict"].value_counts().items())
        return "\n".join([f"{len(lines)} sources: {counts}.", *lines[:MANY_SOURCES], ".."])

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        from html import escape

        return "<br>".join(escape(line) for line in repr(self).split("\n"))

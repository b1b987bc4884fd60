"""The verdict: one plain sentence for each task, the harmed first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crosstask.guard._sentences import order_of, sentence

MANY_TASKS = 20
SHOWN = 5


class Verdict(pd.DataFrame):
    """A frame (task, code, weights, gain, low, high, reason) that prints as sentences.

    What is cut out of it is an ordinary data frame.
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def sentences(self) -> list[str]:
        """Return one sentence a task, the harmed first."""
        return [str(reason) for reason in self["reason"]]

    def __repr__(self) -> str:
        lines = self.sentences()
        if len(lines) <= MANY_TASKS:
            return "\n".join(lines)
        counts = self["code"].value_counts()
        order = ("alone", "blend", "share", "borrowed")
        head = ", ".join(f"{counts[code]} {code}" for code in order if code in counts)
        harmed = [line for line, code in zip(lines, self["code"], strict=True) if code == "alone"][:SHOWN]
        best = self[self["code"].isin(["share", "blend"])].sort_values("gain", ascending=False)
        return "\n".join([f"{len(lines)} tasks: {head}.", *harmed, *best["reason"].head(SHOWN)])

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        from html import escape

        return "<br>".join(escape(line) for line in repr(self).split("\n"))


def make_verdict(guard: Any) -> Verdict:
    """Lay the verdict of a fitted guard out as a frame."""
    gain, sharing, codes = guard._gain, guard._sharing, guard._codes
    weights = [
        ", ".join(f"{guard._names[c]} {row[c]:.2f}" for c in np.argsort(-row, kind="stable") if row[c] >= 0.005)
        for row in guard._weights
    ]
    reasons = [
        sentence(
            str(task),
            codes[t],
            guard._loss_name,
            {
                **{name: float(gain[name][t]) for name in ("gain", "low", "high")},
                "sharing": float(sharing["gain"][t]),
                "sharing_low": float(sharing["low"][t]),
                "sharing_high": float(sharing["high"][t]),
                "level": bool(guard._level[t]),
                "why": guard._why_borrowed[t],
                "only": len(guard.tasks_) == 1,
            },
        )
        for t, task in enumerate(guard.tasks_)
    ]
    frame = pd.DataFrame(
        {
            "task": guard.tasks_,
            "code": codes,
            "weights": weights,
            "gain": gain["gain"],
            "low": gain["low"],
            "high": gain["high"],
            "reason": reasons,
        }
    )
    return Verdict(frame.iloc[order_of(codes, gain["gain"], sharing["gain"])].reset_index(drop=True))

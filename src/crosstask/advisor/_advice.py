"""What `advise` answers: plain data, and words made of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crosstask.advisor._diagnose import Diagnosis
from crosstask.advisor._findings import Finding
from crosstask.advisor._shortlist import Choice

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from crosstask.affinity import TaskAffinity


@dataclass(frozen=True, repr=False)
class Advice:
    """An answer to "one model each, one for all, or something between?".

    Parameters
    ----------
    estimator : CrossTaskRegressor or CrossTaskClassifier
        Fitted and guarded, ready to predict.
    diagnosis : Diagnosis
        Numbers about the tasks, taken before any candidate was compared.
    findings : list of Finding
        What they mean, warnings first; see ``docs/findings.md`` for each code.
    shortlist : list of Choice
        Every candidate, kept or dropped, with the reason.
    affinity : TaskAffinity or None
        Who helps whom; None for one task, and beyond 1000 tasks.
    seconds : dict
        Seconds of each part.
    target : str or None
        The task that was asked about.
    """

    estimator: Any
    diagnosis: Diagnosis
    findings: list[Finding]
    shortlist: list[Choice]
    affinity: TaskAffinity | None
    seconds: dict[str, float]
    target: str | None = None

    @property
    def verdict(self) -> Any:
        """What each task should do and why: a frame that prints as sentences; one task's line with ``target_task``."""
        found = self.estimator.verdict_
        if self.target is None:
            return found
        kept = found[found["task"].astype(str) == self.target]
        return type(found)(kept.reset_index(drop=True))

    @property
    def first_line(self) -> str:
        """The answer in a sentence; if what is recommended did worse than one model each, it says so here."""
        from crosstask.report import collect
        from crosstask.report._words import headline, mean_losses

        data = collect(self.estimator)
        own, guarded = mean_losses(data)
        if not (np.isfinite(own) and guarded > 1.0005 * own > 0):  # less would print as zero
            return headline(data)
        return (
            f"{headline(data)} Yet on held-out rows the mean {data.loss} is {100 * (guarded / own - 1):.1f} % above "
            f"that of one model each: the candidate {self.estimator.guard_.own_!r} is the safer choice."
        )

    def frame(self) -> pd.DataFrame:
        """Return every candidate: candidate, kept, mean_loss (out of fold, mean over the tasks), reason."""
        import pandas as pd

        losses = self.estimator.candidate_losses_.mean(axis=0)
        return pd.DataFrame(
            {
                "candidate": [one.name for one in self.shortlist],
                "kept": [one.kept for one in self.shortlist],
                "mean_loss": [float(losses.get(one.name, np.nan)) for one in self.shortlist],
                "reason": [one.reason for one in self.shortlist],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the gain of each task over its own model, with intervals."""
        from crosstask.report import GainDisplay

        return GainDisplay.from_model(self.estimator).plot(ax)

    def report(self, path: Any, *, force: bool = False) -> Any:
        """Write the report of the fitted model, with the findings in front, as one HTML page."""
        return self.estimator.report(path, force=force)

    def to_dict(self) -> dict[str, Any]:
        """Return the advice as plain types."""
        table = self.frame()
        verdict = self.verdict
        return {
            "answer": self.first_line,
            "verdict": [
                {name: _plain(row[name]) for name in ("task", "code", "weights", "gain", "low", "high", "reason")}
                for _, row in verdict.iterrows()
            ],
            "findings": [{"code": one.code, "severity": one.severity, "text": one.text} for one in self.findings],
            "candidates": [{name: _plain(row[name]) for name in table.columns} for _, row in table.iterrows()],
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }

    def to_json(self) -> str:
        """Return the advice as JSON; missing numbers are null."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def to_markdown(self) -> str:
        """Return the advice as Markdown."""
        table = self.frame()
        lines = [f"**{self.first_line}**", ""]
        lines += [f"- {sentence}" for sentence in str(self.verdict).split("\n")]
        lines += ["", "Findings", ""]
        lines += [f"- `{one.code}` {one.text}" for one in self.findings] or ["- none"]
        lines += ["", "| candidate | mean held-out loss | why |", "|---|---|---|"]
        for row in table.itertuples():
            loss = "not tried" if np.isnan(row.mean_loss) else f"{row.mean_loss:.4g}"  # type: ignore[arg-type]
            lines.append(f"| {row.candidate} | {loss} | {row.reason} |")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        lines = [self.first_line, "", str(self.verdict)]
        if self.findings:
            lines += ["", *map(str, self.findings)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        head, *rest = str(self).split("\n")
        return f"<p><strong>{escape(head)}</strong></p><p>{'<br>'.join(escape(line) for line in rest if line)}</p>"


def _plain(value: Any) -> Any:
    """A Python scalar, None for NaN and infinity."""
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, float) and not np.isfinite(plain):
        return None
    return plain if isinstance(plain, (str, int, float, bool)) or plain is None else str(plain)

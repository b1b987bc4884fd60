"""What `advise` answers: plain data, and words made of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from crosstask.advisor._diagnose import Diagnosis
from crosstask.advisor._findings import Finding
from crosstask.advisor._shortlist import Choice

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from crosstask.affinity import TaskAffinity
    from crosstask.metrics import RowsSaved


VERDICT = ("task", "code", "weights", "gain", "low", "high", "reason")


@dataclass(frozen=True, repr=False)
class Advice:
    """An answer to "one model each, one for all, or something between?".

    Parameters
    ----------
    estimator : CrossTaskRegressor, CrossTaskClassifier or None
        Fitted and guarded, ready to predict; None where the comparison was interrupted.
    diagnosis : Diagnosis or None
        Numbers about the tasks, taken before any candidate was compared; None in ``advice_`` of a fitted model.
    findings : list of Finding
        What they mean, warnings first; see ``docs/findings.md`` for each code.
    shortlist : list of Choice
        Every candidate, kept or dropped, with the reason.
    affinity : TaskAffinity or None
        Who helps whom; None for one task, beyond 1000 tasks, and in ``advice_``.
    seconds : dict
        Seconds of each part.
    target : str or None
        The task that was asked about.
    standing : dict
        Where the comparison was interrupted: the number of ``"folds"`` held out by then, and the mean loss of each
        candidate on them, as a share of that of one model for each task.
    curve : RowsSaved or None
        Mean held-out losses of the own model and of the best one that shares on growing parts of the rows, and how many
        rows that one saves; None where the rows or the time are too few, and in ``advice_``.
    curve_of : str
        The candidate whose curve it is, or why there is none.
    """

    estimator: Any
    diagnosis: Diagnosis | None
    findings: list[Finding]
    shortlist: list[Choice]
    affinity: TaskAffinity | None
    seconds: dict[str, float]
    target: str | None = None
    standing: dict[str, float] = field(default_factory=dict[str, float])
    curve: RowsSaved | None = None
    curve_of: str = ""

    @property
    def interrupted(self) -> bool:
        """Whether the comparison did not come to its end, so that nothing is recommended."""
        return self.estimator is None

    @property
    def verdict(self) -> Any:
        """What each task should do and why: a frame that prints as sentences; one task's line with ``target_task``.

        Without lines where the comparison was interrupted.
        """
        if self.interrupted:
            from crosstask.guard._verdict import Verdict

            return Verdict({name: [] for name in VERDICT})
        found = self.estimator.verdict_
        if self.target is None:
            return found
        kept = found[found["task"].astype(str) == self.target]
        return type(found)(kept.reset_index(drop=True))

    @property
    def first_line(self) -> str:
        """The answer in a sentence; if what is recommended did worse than one model each, it says so here."""
        from crosstask.advisor._first_line import first_line

        return first_line(self)

    @property
    def rows_saved(self) -> str:
        """How many rows a task sharing saves, in a sentence; why there is no curve, where there is none."""
        if self.curve is None:
            return f"No learning curve: {self.curve_of}." if self.curve_of else ""
        read = np.flatnonzero(self.curve.bound == "")
        n = self.curve.n_rows
        if len(read):
            worth = n + self.curve.saved
            first, last = int(read[0]), int(read[-1])
            more = f", and with {n[last]:.0f} what they do with {worth[last]:.0f}" if last > first else ""
            return (
                f"With {n[first]:.0f} rows a task {self.curve_of!r} does what models of their own do with "
                f"{worth[first]:.0f}{more}."
            )
        if self.curve.bound[0] == "at least":
            return (
                f"With {n[0]:.0f} rows a task {self.curve_of!r} does better than models of their own with {n[-1]:.0f}."
            )
        return f"{self.curve_of!r} saves no rows: models of their own are better with {n[0]:.0f} rows a task already."

    def frame(self) -> pd.DataFrame:
        """Return every candidate: candidate, kept, mean_loss (out of fold, mean over the tasks), reason.

        Where the comparison was interrupted, mean_loss is that of the folds so far, as a share of the own model's.
        """
        import pandas as pd

        losses = self.standing if self.interrupted else self.estimator.candidate_losses_.mean(axis=0)
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

        self._must_be_whole("plot()")
        return GainDisplay.from_model(self.estimator).plot(ax)

    def report(self, path: Any, *, force: bool = False) -> Any:
        """Write the page of :meth:`to_html` to a file; an existing one is refused unless ``force``."""
        from crosstask.persistence import write_atomically

        return write_atomically(path, self.to_html().encode("utf-8"), force=force)

    def to_html(self) -> str:
        """Return the advice as one HTML page: what the tasks are like, what was compared, and the model's report.

        Where the comparison was interrupted, the page holds what was known by then.
        """
        from dataclasses import replace

        from crosstask.report import collect, render, render_partial

        advised = self._advised()
        return (
            render_partial(advised) if self.interrupted else render(replace(collect(self.estimator), advised=advised))
        )

    def _advised(self) -> Any:
        from crosstask.report import Advised, Compared, Curve, WhoHelps

        spent = {} if self.interrupted else self.estimator.guard_._spent
        memory = self._memory()
        losses = self.frame()["mean_loss"].to_numpy(dtype=np.float64)
        compared = [
            Compared(
                one.name,
                one.kept,
                one.reason,
                float(loss),
                spent.get(one.name, {}).get("seconds", np.nan),
                memory.get(one.name, np.nan),
            )
            for one, loss in zip(self.shortlist, losses, strict=True)
        ]
        findings = tuple((one.code, one.severity, one.text) for one in self.findings)
        who = None if self.affinity is None else WhoHelps.of(self.affinity)
        curve = None
        if self.curve is not None:
            curve = Curve.of(self.curve, self.estimator.guard_.own_, self.curve_of)
        return Advised(
            self.first_line, findings, tuple(compared), who, plan=self._planned(), curve=curve, saved=self.rows_saved
        )

    def _memory(self) -> dict[str, float]:
        """Bytes of the largest fit of each candidate: as pilots traced them, else as the memory of the process rose."""
        if self.interrupted:
            return {}
        found = {name: one["memory"] for name, one in self.estimator.guard_._spent.items()}
        plan = self.estimator.plan_
        for job in [] if plan is None else plan.jobs:
            found[job.method] = max(np.nan_to_num(job.memory), found.get(job.method, 0.0))
        return found

    def _planned(self) -> str:
        plan = None if self.interrupted else self.estimator.plan_
        return "" if plan is None else f"Planned: {plan.first_line}. It {plan.outcome}."

    def _must_be_whole(self, asked: str) -> None:
        if self.interrupted:
            raise ValueError(f"{asked} needs the comparison, which was interrupted: ask advise again.")

    def to_dict(self) -> dict[str, Any]:
        """Return the advice as plain types."""
        table = self.frame()
        verdict = self.verdict
        return {
            "answer": self.first_line,
            "interrupted": self.interrupted,
            "verdict": [{name: _plain(row[name]) for name in VERDICT} for _, row in verdict.iterrows()],
            "findings": [{"code": one.code, "severity": one.severity, "text": one.text} for one in self.findings],
            "candidates": [{name: _plain(row[name]) for name in table.columns} for _, row in table.iterrows()],
            "rows_saved": self.rows_saved,
            "plan": self._planned(),
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }

    def to_json(self) -> str:
        """Return the advice as JSON; missing numbers are null."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def to_markdown(self) -> str:
        """Return the advice as Markdown."""
        table = self.frame()
        lines = [f"**{self.first_line}**", ""]
        lines += [f"- {sentence}" for sentence in str(self.verdict).split("\n") if sentence]
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
        if self.curve is not None:
            lines += ["", self.rows_saved]
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

"""Where a fit by passes stands: a file of arrays and JSON, without pickle, to go on from."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from crosstask.auto._column_encoder import ColumnSurvey
from crosstask.multitask._newton_rounds import NewtonRounds
from crosstask.multitask._row_sums import Answer
from crosstask.summaries._file import from_bytes, to_bytes

FORMAT, VERSION = "crosstask.passes", 1
SHARE = 10.0  # writing may take one part in so many of the time
SUMS = ("value", "gradient", "hessian", "held_loss")


class Bookmark:
    """The checkpoint of one fit.

    Parameters
    ----------
    path : pathlib.Path or None
        None: nothing is written.
    every : float
        Seconds between two writes, longer where one takes long.
    of_what : list
        What it must agree with to be gone on from, in plain types.
    """

    def __init__(self, path: Path | None, every: float, of_what: list[Any]) -> None:
        self.path, self.every, self.of_what = path, every, json.loads(json.dumps(of_what))
        self._written, self._pause = time.monotonic(), every
        self._found: dict[str, Any] | None = None

    def write_sometimes(self, stage: str, fit: Any) -> None:
        """Write if the last time is long ago."""
        start = time.monotonic()
        if self.path is not None and start - self._written >= self._pause:
            self.write(stage, fit)
            self._written = time.monotonic()
            self._pause = max(self.every, SHARE * (self._written - start)) if self.every > 0 else 0.0

    def write(self, stage: str, fit: Any) -> None:
        """Write where the fit stands, wholly or not at all."""
        if self.path is None:
            return
        from crosstask.persistence._files import write_atomically

        header = {
            "format": FORMAT,
            "version": VERSION,
            "of": self.of_what,
            "stage": stage,
            "rows": fit.done,
            "left_out": fit.left_out,
            "surveys": [vars(one) for one in fit.surveys],
            "labels": list(fit.labels.items()),
            "tasks": sorted(fit.n_tasks),
        }
        arrays: dict[str, Any] = {}
        if fit.statistics is not None and fit.statistics.n_tasks:
            arrays["statistics"] = np.frombuffer(to_bytes(fit.statistics), dtype=np.uint8)
        if stage == "newton":
            arrays |= _rounds_arrays(fit.rounds) | {name: getattr(fit.answer, name) for name in SUMS}
            header["rounds"] = {name: getattr(fit.rounds, name) for name in ("n_rounds", "stage", "null_objective")}
        stream = io.BytesIO()
        np.savez(stream, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **arrays)
        write_atomically(self.path, stream.getvalue(), force=True)

    def restore(self, fit: Any) -> str:
        """Put a fit where the file left it, and return the stage; "survey" without a file.

        Raises
        ------
        ValueError
            If the file is of another fit, or is damaged.
        """
        if self.path is None or not self.path.exists():
            return "survey"
        header, arrays = self._read()
        fit.done, fit.left_out = int(header["rows"]), int(header["left_out"])
        fit.surveys = [ColumnSurvey(**one) for one in header["surveys"]]
        fit.labels = Counter({value: int(n) for value, n in header["labels"]})
        fit.n_tasks = set(header["tasks"])
        if "statistics" in arrays:
            fit.statistics = from_bytes(arrays["statistics"].tobytes(), str(self.path))
        self._found = {"header": header, "arrays": arrays}
        return str(header["stage"])

    def restore_rounds(self, fit: Any) -> None:
        """Put Newton's steps where the file left them, if it was written among them."""
        found, self._found = self._found, None
        if found is None or found["header"]["stage"] != "newton":
            return
        _put_rounds(fit.rounds, found["header"]["rounds"], found["arrays"])
        tasks = fit.rounds.summary.tasks_
        fit.answer = Answer(tasks, *(found["arrays"][name] for name in SUMS))

    def _read(self) -> tuple[dict[str, Any], dict[str, Any]]:
        assert self.path is not None
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                header = json.loads(stored["header"].tobytes())
                same = header["format"] == FORMAT and header["version"] == VERSION and header["of"] == self.of_what
                arrays = {name: stored[name] for name in stored.files if name != "header"} if same else {}
        except (
            Exception
        ) as error:  # zipfile, zlib, numpy and json have a dozen ways to fail on bytes that are not theirs
            raise ValueError(
                f"the checkpoint {self.path} is damaged or no checkpoint: delete it to begin anew."
            ) from error
        if not same:
            raise ValueError(
                f"the checkpoint {self.path} is of another table, or of other options: delete it to begin anew, or "
                "name another one."
            )
        return header, arrays


def _rounds_arrays(rounds: NewtonRounds) -> dict[str, Any]:
    """Lay the fits in progress out as arrays."""
    fits = rounds.fits
    shape = fits[0].V.shape
    return {
        "held_out": np.array([fit.rows.held_out for fit in fits]),
        "alpha": np.stack([np.asarray(fit.alpha, dtype=np.float64) for fit in fits]),
        "V": np.stack([fit.V for fit in fits]),
        "b": np.stack([fit.b for fit in fits]),
        "delta": np.stack([fit.delta if fit.delta.size else np.zeros(shape) for fit in fits]),
        "follow": np.stack([fit.follow if fit.follow.size else np.zeros(shape[0]) for fit in fits]),
        "numbers": np.array([[fit.objective, fit.t, fit.gain, float(fit.done)] for fit in fits]),
        "held": np.stack(rounds.held),
        **{f"path_{name}": np.asarray(value) for name, value in rounds.path.items()},
    }


def _put_rounds(rounds: NewtonRounds, scalars: dict[str, Any], arrays: dict[str, Any]) -> None:
    alphas = [a if a.ndim else float(a) for a in arrays["alpha"]]
    rounds.restart(arrays["held_out"].tolist(), alphas)
    for j, fit in enumerate(rounds.fits):
        fit.V, fit.b, fit.delta, fit.follow = (arrays[name][j] for name in ("V", "b", "delta", "follow"))
        objective, fit.t, fit.gain, done = arrays["numbers"][j].tolist()
        fit.objective, fit.done = objective, bool(done)
    rounds.held = list(arrays["held"])
    rounds.n_rounds, rounds.stage, rounds.null_objective = (
        scalars[name] for name in ("n_rounds", "stage", "null_objective")
    )
    paths = {name.removeprefix("path_"): value for name, value in arrays.items() if name.startswith("path_")}
    rounds.path = {name: value if value.ndim else value.item() for name, value in paths.items()}

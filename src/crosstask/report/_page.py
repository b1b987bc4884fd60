"""From data to one HTML page, and to a file."""

from __future__ import annotations

import math
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from crosstask.persistence import check_output, write_atomically
from crosstask.report import _words as words
from crosstask.report._advised import Advised
from crosstask.report._collect import collect
from crosstask.report._data import ReportData
from crosstask.report._figures import calibration_figure, forest_figure, gain_figure, weights_figure
from crosstask.report._scale import gain_text, listed, loss_text, share_text
from crosstask.report._shrinkage import shrinkage_figure
from crosstask.report._tables import coefficient_rows, held_out_table, row_bars, score_table
from crosstask.report._target import TargetReport, collect_target

FOLDED_COLUMNS = 25
SHOWN_CLASSES = 9
TONES = {"target only": "own", "pooled": "c1", "transferred": "c0", "other": "mean", "guarded": "share"}


def render(data: ReportData) -> str:
    """Return the page: one HTML text with its style and drawings inside, the same for the same data.

    Parameters
    ----------
    data : ReportData
        All that it shows.

    Returns
    -------
    str
        HTML without scripts and without links to anything outside.
    """
    return _filled("page.html.jinja", **_context(data))


def render_partial(advised: Advised) -> str:
    """Return the page of an advice whose comparison was interrupted."""
    return _filled("partial.html.jinja", advised=advised)


def render_target(data: TargetReport) -> str:
    """Return the page of one target that is protected from its sources."""
    return _filled("target.html.jinja", data=data, tones=TONES)


def _filled(template: str, **context: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("crosstask.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tight"] = _tight
    style = files("crosstask.report").joinpath("page.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(style=style, **context)


def _context(data: ReportData) -> dict[str, Any]:
    own, guarded = words.mean_losses(data)
    if data.held_out is not None:
        own, guarded = data.held_out.mean.own_loss, data.held_out.mean.guarded_loss
    return {
        "data": data,
        "title": words.headline(data),
        "lead": words.lead(data),
        "by_folds": "" if data.held_out is None else words.summary(data),
        "one": words.plural(data.task_word, 1),
        "several": words.plural(data.task_word, 2),
        "facts": {"own": loss_text(own), "guarded": loss_text(guarded), "change": _change(own, guarded)},
        "held_out": None if data.held_out is None else held_out_table(data.held_out),
        "findings": words.brief(data.findings),
        "borrowed": words.brief(data.borrowed),
        "groups": words.grouped(data.tasks),
        "said": words.SAID,
        "meant": words.MEANT,
        "gain": gain_figure(data),
        "weights": weights_figure(data),
        "scores": score_table(data),
        "bars": row_bars(data),
        "forest": None if data.coefficients is None else forest_figure(data.coefficients),
        "shrinkage": None if data.shrinkage is None else shrinkage_figure(data.shrinkage),
        "numbers": [] if data.coefficients is None else coefficient_rows(data.coefficients),
        "calibration": [calibration_figure(one) for one in data.calibration[:SHOWN_CLASSES]],
        "share": share_text,
        "listed": listed,
        "folded_columns": FOLDED_COLUMNS,
    }


def _tight(text: str) -> str:
    """Keep a number and its percent sign on one line, and give it a true minus sign."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text).replace(" %", "\N{NO-BREAK SPACE}%")


def _change(own: float, guarded: float) -> str:
    """Say how far the guarded loss lies below the own one, with a minus sign for below."""
    return gain_text((guarded - own) / own) if math.isfinite(own) and own != 0 else ""


def write_report(model: Any, path: str | os.PathLike[str], *, target_task: Any = None, force: bool = False) -> Path:
    """Write what a fitted model knows about its tasks as one HTML page.

    The page needs no network and no scripts, follows the reader's light or dark setting, and is made for phones and
    paper as well: the verdict in words, the gain of each task with its interval, guard weights, scores of every
    candidate, effects of linear models, calibration of classifiers, and how to fit the same model in Python.

    Parameters
    ----------
    model : CrossTaskRegressor, CrossTaskClassifier or ReportData
        Fitted; a TransferGuard with ``target_task``.
    path : path-like
        The file; ``.html`` is the usual ending.
    target_task : task id, optional
        Write the page of this task alone: its own model, the pooled and the transferred one side by side, the guarded
        mixture of them, and what was made of each source.
    force : bool, default=False
        Whether a file that exists may be replaced. It is replaced wholly or not at all.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the model was not fitted.
    FileExistsError
        If the file exists and ``force`` is False.
    """
    target = check_output(path, force=force)
    if target_task is not None:
        page = render_target(collect_target(model, target_task))
    else:
        page = render(model if isinstance(model, ReportData) else collect(model))
    return write_atomically(target, page.encode("utf-8"), force=force)

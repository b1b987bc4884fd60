"""What the numbers of a shift report say, in words."""

from __future__ import annotations

from typing import Any

import numpy as np

_CURES = {
    "none": "pool the rows",
    "covariate": "reweigh the source's rows (ImportanceWeighted), or use a model flexible enough for both",
    "label": "correct the frequencies (LabelShiftClassifier)",
    "covariate or label": "reweigh the source's rows (ImportanceWeighted), and compare on the labelled rows",
    "concept": "learn from the target's labels (PriorClassifier, TrAdaBoostClassifier), under a TransferGuard",
    "X differs, y unknown": "label some rows of the target, for without them nobody can tell which shift it is",
    "X alike, y unknown": "label some rows of the target, for y may depend on X in another way",
}


def verdict(x_p: float, y_p: float, x_given_y_p: float, y_given_x_p: float, *, level: float) -> str:
    """Return what differs: "none", "covariate", "label", "covariate or label", "concept", or that y is unknown."""
    x = x_p < level
    if np.isnan(y_given_x_p):
        return "X differs, y unknown" if x else "X alike, y unknown"
    y, x_given_y, y_given_x = y_p < level, x_given_y_p < level, y_given_x_p < level
    if y_given_x and x_given_y:
        return "concept"
    if y_given_x:  # the classes look the same, but the answer to the same X changes: their frequencies do
        return "label" if y else "concept"
    if not (x or y):
        return "none"
    if x_given_y:
        return "covariate"
    return "covariate or label" if x and y else "label" if y else "covariate"


def sentence(shift: Any, target: Any) -> str:
    """Return one line: what differs, the numbers, and what to do."""
    parts = [f"X: area under the curve {shift.auc:.2f} [{shift.auc_low:.2f}, {shift.auc_high:.2f}], p {_p(shift.x_p)}"]
    if not np.isnan(shift.y_given_x_p):
        parts += [
            f"y: p {_p(shift.y_p)}",
            f"X given y: p {_p(shift.x_given_y_p)}",
            f"y given X: p {_p(shift.y_given_x_p)}",
            f"loss of the source's model {shift.loss_source:.3f} on its own rows, {shift.loss_target:.3f} here "
            f"({shift.due_to_x:+.3f} due to X, {shift.due_to_y_given_x:+.3f} to y given X)",
        ]
    named = {"none": "no shift found", "covariate or label": "covariate or label shift"}
    what = named.get(shift.verdict, shift.verdict if "unknown" in shift.verdict else f"{shift.verdict} shift")
    return f"{shift.source} to {target}: {what}; {_CURES[shift.verdict]}. " + "; ".join(parts) + "."


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"

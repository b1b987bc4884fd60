"""Reports made by hand: few tasks, many tasks, regression and classification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crosstask.report import Calibration, CoefficientTable, Column, ReportData, TaskResult

HOSPITALS = ("cleveland", "hungary", "long beach", "switzerland")
CANDIDATES = ("base rate", "own", "pooled", "mean tied", "feature norm", "easy adapt", "boosting")

PYTHON = """import crosstask as ct

model = ct.CrossTaskClassifier(task_column="hospital", random_state=0)
model.fit(table.drop(columns="ill"), table["ill"])
model.report("report.html")"""


def make_data(n_tasks: int = 4, *, classification: bool = True, linear: bool = True, **changes: Any) -> ReportData:
    """Return a report with gains, weights and coefficients drawn at random but plausible."""
    rng = np.random.default_rng(n_tasks)
    names = HOSPITALS if n_tasks == 4 else tuple(f"school {i:03d}" for i in range(n_tasks))
    tasks: list[TaskResult] = []
    for name in names:
        gain, half = rng.normal(0.08, 0.1), abs(rng.normal(0.08, 0.04))
        code = "alone" if gain < -0.05 else "share" if gain - half > 0 else "blend"
        own = rng.uniform(0.3, 0.7) if classification else rng.uniform(60, 200)
        weights = rng.dirichlet(np.full(len(CANDIDATES), 0.5))
        reason = f"Its out-of-fold loss falls by {100 * gain:.0f} % when it learns together with the others."
        losses = tuple(own * rng.uniform(0.85, 1.25, len(CANDIDATES)))
        tasks.append(
            TaskResult(
                name=name,
                rows=int(rng.integers(20, 400)),
                target=float(rng.uniform(0.2, 0.9) if classification else own),
                code=code,
                reason=reason,
                own_loss=own,
                guarded_loss=own * (1 - gain),
                gain=gain,
                low=gain - half,
                high=gain + half,
                weights=tuple(weights),
                losses=losses,
            )
        )
    features = (
        *("age", "sex = male", "chest pain = asymptomatic", "resting blood pressure", "cholesterol", "max heart rate"),
        *("oldpeak", "exercise angina = yes", "slope = flat", "cholesterol is missing"),
    )
    value = rng.normal(size=len(features)) + 0.35 * rng.normal(size=(n_tasks, len(features)))
    spread = 0.25 + 0.3 * rng.uniform(size=value.shape)
    table = CoefficientTable(
        features, names, value, value - spread, value + spread, value.mean(axis=0),
        scale=np.ones(len(features)), odds=classification,
    )  # fmt: skip
    bins = np.linspace(0.05, 0.95, 10)
    observed = np.clip(bins + rng.normal(0, 0.06, 10), 0, 1)
    calibration = Calibration("ill", tuple(bins), tuple(observed), (40, 31, 22, 20, 15, 12, 18, 25, 44, 90))
    values: dict[str, Any] = {
        "kind": "classification" if classification else "regression",
        "target": "ill" if classification else "score",
        "task_word": "hospital" if n_tasks == 4 else "school",
        "loss": "log loss" if classification else "squared error",
        "mode": "balanced",
        "tasks": tuple(tasks),
        "candidates": CANDIDATES,
        "own": "own",
        "columns": tuple(Column(name, "number", 0.1 * (i % 3), "") for i, name in enumerate(features)),
        "coefficients": table if linear else None,
        "calibration": (calibration,) if classification else (),
        "findings": (("zeros", "Every value of switzerland in ‘cholesterol’ is 0, which looks like a gap."),),
        "borrowed": (("constant-in-task", "Column 'slope' has one value only in hungary."),),
        "reproduce": PYTHON,
        "versions": {"crosstask": "0.1.0", "scikit-learn": "1.9.1", "numpy": "2.4.0"},
        "seconds": dict.fromkeys(CANDIDATES, 0.3),
        "made": "2026-11-23 18:20",
    }
    return ReportData(**{**values, **changes})


@pytest.fixture
def report_data() -> Any:
    return make_data

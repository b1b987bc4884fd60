"""Reading a fitted flagship into the plain values of a report."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from crosstask.report._data import Calibration, CoefficientTable, Column, ReportData, TaskResult
from crosstask.report._shrinkage import collect_shrinkage

BORROWING = ("absent-in-task", "constant-in-task")
ROLES = (("task_column", "task"), ("time_column", "time, for the folds"), ("group_column", "group, for the folds"))


def collect(model: Any) -> ReportData:
    """Read everything that a report shows from a fitted CrossTaskRegressor or CrossTaskClassifier.

    Parameters
    ----------
    model : CrossTaskRegressor or CrossTaskClassifier
        Fitted.

    Returns
    -------
    ReportData

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the model was not fitted.
    TypeError
        If it is another kind of estimator.
    """
    from sklearn.utils.validation import check_is_fitted

    if not hasattr(type(model), "verdict_") or not hasattr(type(model), "schema_"):
        raise TypeError(
            f"a report is made of a fitted CrossTaskRegressor or CrossTaskClassifier; {type(model).__name__} is none."
        )
    check_is_fitted(model, "guard_")
    guard, summary = model.guard_, model.training_summary_
    classes = getattr(model, "classes_", None)
    findings = list(model.findings_)
    seconds = dict(summary["seconds"])
    return ReportData(
        kind="regression" if classes is None else "classification",
        target=str(summary["target"].get("name") or "the target"),
        task_word=str(model.task_column) if isinstance(model.task_column, str) else "task",
        loss=loss_name(guard),
        mode=str(model.mode),
        tasks=_tasks(model),
        candidates=tuple(str(name) for name in model.weights_.columns),
        own=str(guard.own_),
        columns=_columns(model),
        coefficients=None if model.linear_ is None else _coefficients(model),
        shrinkage=collect_shrinkage(model),
        calibration=() if classes is None else _calibration(model),
        findings=tuple((code, begun(sentence)) for code, sentence in findings if code not in BORROWING),
        borrowed=tuple((code, begun(sentence)) for code, sentence in findings if code in BORROWING),
        reproduce=_python(model),
        versions=dict(summary["versions"]),
        seconds=seconds,
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
    )


def begun(sentence: str) -> str:
    """Return the sentence with a capital."""
    return f"{sentence[:1].upper()}{sentence[1:]}"


def loss_name(guard: Any) -> str:
    """Return the name of the loss that a guard compares."""
    return {"log_loss": "log loss", "brier": "Brier score", "squared": "squared error"}.get(
        str(guard.scoring_), f"{guard.scoring_} error".replace("_", " ")
    )


def _tasks(model: Any) -> tuple[TaskResult, ...]:
    gain = model.gain_.set_index("task")
    weights, losses, verdict = model.weights_, model.candidate_losses_, model.verdict_
    targets = model.training_summary_["target"].get("by_task", {})
    found: list[TaskResult] = []
    for name, code, reason in zip(verdict["task"], verdict["code"], verdict["reason"], strict=True):
        line = gain.loc[name]
        found.append(
            TaskResult(
                name=str(name),
                rows=int(line["n"]),
                target=targets.get(str(name)),
                code=code,
                reason=begun(reason),
                own_loss=float(line["own_loss"]),
                guarded_loss=float(line["guarded_loss"]),
                gain=float(line["gain"]),
                low=float(line["low"]),
                high=float(line["high"]),
                weights=tuple(float(value) for value in weights.loc[name]),
                losses=tuple(float(value) for value in losses.loc[name]),
            )
        )
    return tuple(found)


def _columns(model: Any) -> tuple[Column, ...]:
    columns: list[Column] = []
    for schema in model.schema_:
        note = ""
        if schema.get("categories"):
            values = [str(value) for value in schema["categories"]]
            note = ", ".join(values[:6]) + (f" and {len(values) - 6} more" if len(values) > 6 else "")
        elif schema.get("codes"):
            note = f"values {', '.join(f'{value:g}' for value in schema['codes'])}"
        elif not schema.get("outputs", True):
            note = "left out"
        columns.append(Column(str(schema["name"]), str(schema["kind"]), float(schema["missing"]), note))
    return tuple(columns)


def _coefficients(model: Any) -> CoefficientTable:
    """Lay the flagship's coefficients out as tables, without the intercept; a class is a part of the feature's name."""
    frame = model.coefficients()
    frame = frame[frame["feature"] != "intercept"]
    feature = frame["feature"].astype(str)
    if "class" in frame:
        feature = feature + " (" + frame["class"].astype(str) + ")"
    tasks, features = list(dict.fromkeys(frame["task"])), list(dict.fromkeys(feature))
    shape = (len(tasks), len(features))

    def table(name: str) -> Any:
        return frame[name].to_numpy(dtype=np.float64).reshape(shape)

    low, high = table("low"), table("high")
    known = bool(np.isfinite(low).any())
    scale = getattr(model.linear_, "scale", None)
    if scale is not None and len(features) != len(scale):
        scale = np.tile(scale, len(features) // len(scale))
    return CoefficientTable(
        features=tuple(features),
        tasks=tuple(str(task) for task in tasks),
        value=table("value"),
        low=low if known else None,
        high=high if known else None,
        shared=table("shared")[0],
        scale=None if scale is None else np.asarray(scale, dtype=np.float64),
        odds=hasattr(model, "classes_"),
    )


def _calibration(model: Any) -> tuple[Calibration, ...]:
    frame = model.calibration_
    groups = frame.groupby("class", sort=False) if "class" in frame else [(model.classes_[-1], frame)]
    return tuple(
        Calibration(
            name=str(name),
            predicted=tuple(float(value) for value in part["predicted"]),
            observed=tuple(float(value) for value in part["observed"]),
            count=tuple(int(value) for value in part["count"]),
        )
        for name, part in groups
    )


def _python(model: Any) -> str:
    """Spell the lines that fit the same model: only parameters that differ from their defaults."""
    defaults = type(model)().get_params(deep=False)
    given = {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in ("verbose", "n_jobs") and repr(value) != repr(defaults[name])
    }
    arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
    target = str(model.training_summary_["target"].get("name") or "y")
    return "\n".join(
        [
            "import crosstask as ct",
            "",
            f"model = ct.{type(model).__name__}({arguments})",
            f"model.fit(table.drop(columns={target!r}), table[{target!r}])",
            "print(model.verdict_)",
            'model.report("report.html")',
            'ct.save(model, "model.skops")',
        ]
    )

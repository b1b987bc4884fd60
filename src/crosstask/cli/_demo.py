"""``crosstask demo``: the main job on tables that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstask.cli._fit import check_outputs, finish, fit_model

if TYPE_CHECKING:
    import pandas as pd

    from crosstask.cli._target import Kind
    from crosstask.report import HeldOut

DRAWN = 30

TOLD = {
    "heart": "920 patients of four hospitals: who has a narrowed coronary artery? Each hospital is a task, and the "
    "candidates are linear models, whose effects the report shows.",
    "parkinsons": "42 patients, recorded by telephone for half a year: how strong are the symptoms? Each patient is a "
    "task, and later recordings are predicted from earlier ones.",
    "sentences": "3000 sentences from reviews at three sites: is the writer content? Each site is a task, and the "
    "features are words weighted by TF-IDF.",
}


def run_demo(
    name: str, report: Path, *, all_rows: bool, seed: int, time_budget: float | None, jobs: int, force: bool
) -> None:
    """Fit a demonstration, print the verdict, and write the report."""
    from crosstask.cli._show import console

    check_outputs([report], force=force)
    frame, kind, options = _problem(name)
    target, task = str(frame.attrs["target"]), str(frame.attrs["task"])
    out = console()
    out.print(TOLD[name])
    out.print(f"Data: {frame.attrs['source']}.", style="dim")
    seen, drawn = frame, ""
    if name == "heart" and not all_rows:
        seen = frame.groupby(task).sample(DRAWN, random_state=seed)
        drawn = (
            f"Fitted on {DRAWN} patients of each hospital, drawn at random with seed {seed}; "
            f"the other {len(frame) - len(seen)} test the fit."
        )
        out.print(drawn)
    options |= {"task_column": task, "time_budget": time_budget, "random_state": seed, "n_jobs": jobs}
    model = fit_model(kind, seen.drop(columns=target), seen[target], options, out)
    held_out = score(model, frame.drop(seen.index), task, target, drawn) if drawn else None
    finish(model, out, report=report, output=None, force=force, held_out=held_out)


def score(model: Any, unseen: pd.DataFrame, task: str, target: str, drawn: str) -> HeldOut:
    """Score the guarded model and each task's own model on rows that were not in the fit."""
    import numpy as np

    from crosstask.metrics import per_task_scores, task_gain
    from crosstask.report import HeldOut, HeldOutScores

    tasks, y = unseen[task].to_numpy(), unseen[target].to_numpy()
    matrix = model.reader_.transform(unseen.drop(columns=[task, target]))
    own = model.candidates_[model.guard_.own_].predict_proba(matrix, task=tasks)
    guarded = model.predict_proba(unseen.drop(columns=target))
    position = np.arange(len(y)), np.searchsorted(model.classes_, y)
    losses = [-np.log(np.clip(probability[position], 1e-15, None)) for probability in (own, guarded)]
    gain = task_gain(losses[0], losses[1], tasks, random_state=0)
    auc = [per_task_scores(y, p, tasks, metrics="roc_auc", classes=model.classes_)["roc_auc"] for p in (own, guarded)]

    def of(name: str, row: str, auc_row: str) -> HeldOutScores:
        found: Any = gain.loc[row]
        loss, interval = (found["own_loss"], found["model_loss"]), (found["gain"], found["low"], found["high"])
        return HeldOutScores(name, int(found["n"]), *loss, *interval, *(values[auc_row] for values in auc))

    rows = tuple(of(str(name), name, name) for name in model.tasks_)
    return HeldOut(drawn, "patients", rows, of("mean", "(all tasks)", "(mean of tasks)"))


def _problem(name: str) -> tuple[pd.DataFrame, Kind, dict[str, Any]]:
    from crosstask import datasets

    if name == "heart":
        return datasets.load_heart(), "classification", {"candidates": "linear"}
    if name == "parkinsons":
        frame = datasets.load_parkinsons()
        return frame, "regression", {"time_column": str(frame.attrs["time"])}
    return _with_words(datasets.load_sentences()), "classification", {"candidates": "linear"}


def _with_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace the text by the weights of its words; the weights use no target, so no fold learns from another."""
    import pandas as pd
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(min_df=40, sublinear_tf=True)
    matrix = words.fit_transform(frame["text"])
    weights = pd.DataFrame(matrix.toarray(), columns=words.get_feature_names_out(), index=frame.index)
    kept = frame[[str(frame.attrs["task"]), str(frame.attrs["target"])]]
    weights = weights.rename(columns={name: f"“{name}”" for name in weights.columns})
    result = pd.concat([kept, weights], axis=1)
    result.attrs = dict(frame.attrs)
    return result

"""``crosstask demo``: the main job on tables that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstask.cli._fit import check_outputs, finish, fit_model

if TYPE_CHECKING:
    import pandas as pd

    from crosstask.cli._target import Kind

TOLD = {
    "heart": "920 patients of four hospitals: who has a narrowed coronary artery? Each hospital is a task, and the "
    "candidates are linear models, whose effects the report shows.",
    "parkinsons": "42 patients, recorded by telephone for half a year: how strong are the symptoms? Each patient is a "
    "task, and later recordings are predicted from earlier ones.",
    "sentences": "3000 sentences from reviews at three sites: is the writer content? Each site is a task, and the "
    "features are words weighted by TF-IDF.",
}


def run_demo(name: str, report: Path, *, time_budget: float | None, jobs: int, force: bool) -> None:
    """Fit a demonstration, print the verdict, and write the report."""
    from crosstask.cli._show import console

    check_outputs([report], force=force)
    frame, kind, options = _problem(name)
    target, task = str(frame.attrs["target"]), str(frame.attrs["task"])
    out = console()
    out.print(TOLD[name])
    out.print(f"Data: {frame.attrs['source']}.", style="dim")
    options |= {"task_column": task, "time_budget": time_budget, "random_state": 0, "n_jobs": jobs}
    model = fit_model(kind, frame.drop(columns=target), frame[target], options, out)
    finish(model, out, report=report, output=None, force=force)


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

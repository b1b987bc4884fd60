"""``crosstask predict``: new rows in, the same rows with their predictions out."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crosstask.cli._fit import check_outputs
from crosstask.cli._run import BadInputError

if TYPE_CHECKING:
    import pandas as pd


def predict_table(model: Path, table: Path, output: Path, *, encoding: str, trusted: list[str], force: bool) -> None:
    """Load, read, check, predict and write.

    Raises
    ------
    BadInputError
        In one line.
    """
    from crosstask.cli._show import console
    from crosstask.cli._tables import PARQUET, read_table
    from crosstask.persistence import write_atomically

    check_outputs([output], force=force)
    fitted, notes = load_model(model, trusted)
    column = getattr(fitted, "task_column", None)
    if not isinstance(column, str) or not hasattr(fitted, "feature_names_in_"):
        raise BadInputError(f"{model} was not fitted on a table with a named task column: use it from Python.")
    frame = read_table(table, text=[column], encoding=encoding)
    X, said = as_fitted(frame, fitted, table)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # unseen tasks are said below, and flagged in the rows
            predicted = _predictions(fitted, X, frame)
    except ValueError as error:
        raise BadInputError(str(error)) from error
    content = _parquet(predicted) if output.suffix.lower() in PARQUET else predicted.to_csv(index=False).encode()
    write_atomically(output, content, force=force)
    out = console()
    for note in [*notes, *said]:
        out.print(note, markup=False)
    out.print(f"{len(X):,} rows predicted: {output}", markup=False)


def load_model(model: Path, trusted: list[str]) -> tuple[Any, list[str]]:
    from crosstask.persistence import ModelFileError, UntrustedTypesError, load

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitted = load(model, trusted=trusted)
        except UntrustedTypesError as error:
            options = " ".join(f"--trust {name}" for name in error.types)
            raise BadInputError(
                f"{model} was not loaded, for it holds types that crosstask does not know; if you trust whoever made "
                f"the file, add {options}"
            ) from error
        except (ModelFileError, FileNotFoundError) as error:
            raise BadInputError(str(error)) from error
        except ImportError as error:
            raise BadInputError(f"{model} needs a package that is not installed ({error}).") from error
    return fitted, [f"Note: {one.message}" for one in caught if issubclass(one.category, UserWarning)]


def as_fitted(frame: pd.DataFrame, fitted: Any, table: Path) -> tuple[pd.DataFrame, list[str]]:
    """Bring the columns into the order of fit, and the task ids into its type."""
    from crosstask.cli._tables import require_column
    from crosstask.cli._target import as_text, task_values
    from crosstask.report._scale import listed

    names, column = [str(name) for name in fitted.feature_names_in_], str(fitted.task_column)
    absent = [name for name in names if name not in frame.columns]
    if column in absent or len(absent) == 1:
        require_column(frame, column if column in absent else absent[0], "the model", table)
    if absent:
        shown = ", ".join(repr(name) for name in absent[:8]) + (" .." if len(absent) > 8 else "")
        raise BadInputError(f"{table} lacks {len(absent)} columns that the model was fitted with: {shown}.")
    numeric = np.asarray(fitted.tasks_).dtype.kind in "iu"
    X = frame[names].assign(**{column: task_values(frame[column], numeric=numeric)})
    empty = as_text(frame[column]) == ""
    if empty.any():
        raise BadInputError(
            f"column {column!r} of {table} has no value in {int(empty.sum())} rows (first in row "
            f"{int(empty.to_numpy().argmax()) + 1}): say which task they are of."
        )
    unseen = sorted({str(task) for task in X[column].unique()} - {str(task) for task in fitted.tasks_})
    extra = [str(name) for name in frame.columns if name not in names]
    notes: list[str] = []
    if unseen:
        notes.append(
            f"{len(unseen)} task(s) that the model has not seen ({listed(unseen, 5)}) are predicted by "
            "what the known tasks share; column task_known says where."
        )
    if extra:
        notes.append(f"Columns that the model does not use: {listed(extra)}.")
    return X, notes


def _predictions(fitted: Any, X: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Lay the predictions beside the rows: ``prediction``, a probability for each class, ``task_known``."""
    import pandas as pd

    known = X[str(fitted.task_column)].isin(list(fitted.tasks_))
    added: dict[str, Any] = {}
    if hasattr(fitted, "classes_"):
        probability = np.asarray(fitted.predict_proba(X))
        added["prediction"] = np.asarray(fitted.classes_)[probability.argmax(axis=1)]
        added |= {f"probability_{label}": probability[:, k] for k, label in enumerate(fitted.classes_)}
    else:
        added["prediction"] = np.asarray(fitted.predict(X))
    added["task_known"] = np.where(known, "yes", "no")
    beside = pd.DataFrame(added, index=frame.index)
    taken = {name: f"{name}_by_model" for name in beside.columns if name in frame.columns}
    return pd.concat([frame, beside.rename(columns=taken)], axis=1)


def _parquet(frame: pd.DataFrame) -> bytes:
    import importlib.util

    if importlib.util.find_spec("pyarrow") is None:
        raise BadInputError("writing Parquet needs pyarrow: pip install 'crosstask[big]', or name a .csv file.")
    buffer = io.BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()

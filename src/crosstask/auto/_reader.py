"""Raw tables in, float matrices with NaN out: fitted once, without the target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from crosstask.auto._columns import Finding, Schema, learn_column, output_levels, read_column
from crosstask.auto._values import Values, array_values, frame_values
from crosstask.tasks import column_names, is_frame, n_rows

FloatMatrix = NDArray[np.float64]


class TableReader(BaseEstimator):
    """Turns a raw table (pandas, polars, NumPy) into a float matrix, the same way in fit and in predict.

    A number stays; a truth value becomes 0 or 1; a category its position in the list of categories; a date the
    days since the first one, with month and weekday as categories where they vary. Missing stays missing (NaN).
    Empty and constant columns, and text that differs in every row, are left out.

    Parameters
    ----------
    names : list of str, optional
        Names of the columns; default: those of the frame, or x0, x1, ..

    Attributes
    ----------
    schema_ : list of dict
        For each column of the table: name, kind, missing (share), categories, outputs, for dates first.
    output_names_ : list of str
        Names of the columns of the matrix.
    output_levels_ : list
        For each column of the matrix the names of its categories (text), the values of a coded number (numbers), or
        None.
    findings_ : list of (code, sentence)
        What was left out or read differently from what it looked like.
    """

    def __init__(self, names: list[str] | None = None) -> None:
        self.names = names

    def fit(self, X: Any, y: Any = None) -> TableReader:
        """Learn what each column is.

        Raises
        ------
        ValueError
            If X is sparse, or no column is left to learn from.
        """
        del y
        names = self.names or column_names(X) or [f"x{j}" for j in range(X.shape[1])]
        self.schema_: list[Schema] = []
        self.findings_: list[Finding] = []
        for name, values in zip(names, _columns(X, names), strict=True):
            schema, findings = learn_column(values, name)
            self.schema_.append(schema)
            self.findings_.extend(findings)
        self.output_names_ = [output for schema in self.schema_ for output in schema["outputs"]]
        self.output_levels_ = [levels for schema in self.schema_ for levels in output_levels(schema)]
        coded = [schema["name"] for schema in self.schema_ if "codes" in schema]
        if coded:
            self.findings_.append(
                (
                    "coded-numbers",
                    f"{', '.join(map(repr, coded[:8]))}{', ..' if len(coded) > 8 else ''} hold a few whole numbers "
                    "only, which may be codes: linear models see them both as numbers and as categories.",
                )
            )
        if not self.output_names_:
            left_out = ", ".join(f"{schema['name']!r} ({schema['kind']})" for schema in self.schema_[:8])
            raise ValueError(
                f"X has no column left to learn from: 0 feature(s) (shape=({n_rows(X)}, 0)) while a minimum of 1 is "
                f"required; {'left out were ' + left_out if left_out else 'pass at least one column'}."
            )
        return self

    def transform(self, X: Any) -> FloatMatrix:
        """Return the float matrix of shape (n_rows, len(output_names_)).

        Raises
        ------
        ValueError
            If a column holds something else than it did in fit, or is infinite; the column and row are named.
        """
        check_is_fitted(self, "schema_")
        names = [schema["name"] for schema in self.schema_]
        if X.shape[1] != len(names):
            raise ValueError(f"X has {X.shape[1]} columns, but fit saw {len(names)}: {', '.join(names[:12])}.")
        matrix = np.empty((n_rows(X), len(self.output_names_)))
        position = 0
        wanted = [bool(schema["outputs"]) for schema in self.schema_]
        columns = _columns(X, names, wanted)
        for schema, values in zip((s for s in self.schema_ if s["outputs"]), columns, strict=True):
            for output in read_column(schema, values):
                matrix[:, position] = output
                position += 1
        return matrix


def _columns(X: Any, names: list[str], wanted: list[bool] | None = None) -> list[Values]:
    if sparse.issparse(X):
        raise ValueError(
            "a sparse X cannot be read as a table of columns: pass X.toarray(), or use MultiTaskRegressor or "
            "MultiTaskClassifier, which take sparse matrices."
        )
    chosen = [j for j in range(X.shape[1]) if wanted is None or wanted[j]]
    if not is_frame(X):
        return [array_values(X[:, j], names[j]) for j in chosen]
    if not hasattr(X, "iloc"):
        return [frame_values(X[:, j], names[j]) for j in chosen]
    dtypes = list(X.dtypes)
    numeric = [j for j in chosen if isinstance(dtypes[j], np.dtype) and dtypes[j].kind in "iuf"]
    plain = {j: k for k, j in enumerate(numeric)}
    numbers = X.iloc[:, numeric].to_numpy(dtype=np.float64)  # at once: a row is served in a fraction of the time
    return [
        Values("number", numbers[:, plain[j]]) if j in plain else frame_values(X.iloc[:, j], names[j]) for j in chosen
    ]

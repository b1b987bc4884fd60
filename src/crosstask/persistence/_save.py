"""Saving a fitted model."""

from __future__ import annotations

import io
import json
import os
import warnings
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from crosstask.persistence._card import CARD, digest, make_card
from crosstask.persistence._files import check_output, write_atomically


def save(model: Any, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Save a fitted model, without pickle, in one file that :func:`load` reads back.

    The file is a zip in the format of skops: arrays and plain values, the names of types, no code. Beside them lies
    ``crosstask.json``, which any zip tool shows: versions, columns, task ids and a summary of the training data.
    Rows of the training data are in the file only where an estimator cannot predict without them (nearest
    neighbours, support vectors, Gaussian processes); then a warning names the estimator.

    Parameters
    ----------
    model : estimator
        Fitted; of this package, of scikit-learn, or holding estimators of other packages.
    path : path-like
        The file; ``.skops`` is the usual ending.
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
    TypeError
        If the model holds something that cannot be stored without pickle, such as a lambda.
    FileExistsError
        If the file exists and ``force`` is False.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.linear_model import Ridge
    >>> from crosstask import load, save
    >>> model = Ridge().fit([[0.0], [1.0]], [0.0, 3.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(model, Path(folder) / "model.skops")
    ...     load(path).predict([[2.0]])
    array([3.])
    """
    from sklearn.utils.validation import check_is_fitted

    target = check_output(path, force=force)
    check_is_fitted(model)
    card = make_card(model)
    content = _archive(model, card)
    if card["keeps_training_rows"]:
        warnings.warn(
            f"{target} holds rows of the training data, for {', '.join(card['keeps_training_rows'])} cannot predict "
            "without them: share the file only with those who may see the data.",
            UserWarning,
            stacklevel=2,
        )
    return write_atomically(target, content, force=force)


def _archive(model: Any, card: dict[str, Any]) -> bytes:
    from skops import io as skops_io

    try:
        content = skops_io.dumps(model, compression=ZIP_DEFLATED)
    except Exception as error:
        raise TypeError(
            f"{type(model).__name__} cannot be saved, for it holds something that only pickle could store "
            f"({error}): replace functions made on the spot and foreign objects by estimators."
        ) from error
    buffer = io.BytesIO()
    buffer.write(content)
    with ZipFile(buffer, "a", compression=ZIP_DEFLATED) as archive:
        page = {**card, "sha256": digest(archive)}
        archive.writestr(CARD, json.dumps(page, indent=1, ensure_ascii=False, allow_nan=False))
    return buffer.getvalue()

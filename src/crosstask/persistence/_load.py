"""Loading a saved model, and reading about it without loading it."""

from __future__ import annotations

import io
import json
import os
import warnings
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from crosstask.persistence._card import CARD, FORMAT, versions
from crosstask.persistence._errors import ModelFileError, UntrustedTypesError, VersionMismatchWarning
from crosstask.persistence._trees import check_trees
from crosstask.persistence._types import is_known

_SAME_VERSIONS = ("crosstask", "scikit-learn")


def load(path: str | os.PathLike[str], *, trusted: Iterable[str | type] = ()) -> Any:
    """Load a model that :func:`save` wrote, making objects of known types only.

    Parameters
    ----------
    path : path-like
        The file.
    trusted : iterable of str or type, default=()
        Types beyond the closed list that you vouch for: full names, as the refusal prints them, or the types
        themselves. A type that does not come from numpy, scipy, scikit-learn or this package is code of others.

    Returns
    -------
    estimator
        The fitted model; its predictions equal those of the model saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If the file is not a model: a pickle, empty, damaged, or something else.
    UntrustedTypesError
        If the file holds other types; the message names them.

    Warns
    -----
    VersionMismatchWarning
        If crosstask or scikit-learn have other versions than when the model was saved.
    """
    from sklearn.exceptions import InconsistentVersionWarning
    from skops import io as skops_io

    name, content = str(path), _read(path)
    card = _card(name, content)
    _warn_about_versions(name, card)
    admitted = {entry if isinstance(entry, str) else f"{entry.__module__}.{entry.__qualname__}" for entry in trusted}
    try:
        foreign = set(skops_io.get_untrusted_types(data=content))
        known = {one for one in foreign if is_known(one)}
        refused = foreign - known - admitted
        if refused:
            raise UntrustedTypesError(name, refused)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # said once above, for all parts
            model = skops_io.loads(content, trusted=sorted(foreign))
        check_trees(model, name)
    except (ModelFileError, ImportError):
        raise
    except Exception as error:
        raise ModelFileError(
            f"{name} cannot be read as a model: it is damaged, or not made by crosstask ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]})."
        ) from error
    return model


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what a model file says about itself, without making any object.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict
        ``model``, ``saved``, ``versions``, ``task_column``, ``tasks``, ``classes``, ``columns``, ``training`` and
        ``keeps_training_rows``.

    Raises
    ------
    FileNotFoundError, ModelFileError
        As :func:`load`.
    """
    return _card(str(path), _read(path))


def _read(path: str | os.PathLike[str]) -> bytes:
    file = Path(path)
    if file.is_dir():
        raise ModelFileError(f"{file} is a directory, not a model file: name the file that save wrote.")
    if not file.exists():
        raise FileNotFoundError(f"there is no file {file}: check the name, or save a model there first.")
    content = file.read_bytes()
    if not content:
        raise ModelFileError(f"{file} is empty: save the model again.")
    if not content.startswith(b"PK"):
        raise ModelFileError(
            f"{file} is {_what(content)}, not a model that crosstask saved: use the file that save wrote."
        )
    return content


def _what(content: bytes) -> str:
    """Say what a file that is not a zip looks like."""
    if (content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")) or b"sklearn" in content[:200]:
        return "a pickle (which can run any code when it is read, and is never read here)"
    if content[:2] == b"\x1f\x8b" or (content[:1] == b"\x78" and int.from_bytes(content[:2]) % 31 == 0):
        return "a compressed file (perhaps a pickle by joblib, which is never read here)"
    printable = sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in content[:1000])
    return "a text file" if printable >= 0.95 * len(content[:1000]) else "some binary file"


def _card(name: str, content: bytes) -> dict[str, Any]:
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            members = set(archive.namelist())
            if not {CARD, "schema.json"} <= members:
                raise ModelFileError(f"{name} is a zip, but not a model that crosstask saved: it holds no {CARD}.")
            card = json.loads(archive.read(CARD))
    except (BadZipFile, ValueError, NotImplementedError, OSError, EOFError, zlib.error) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{name} is a damaged model file ({error}): save or copy it again.") from error
    if not isinstance(card, dict) or not isinstance(card.get("format"), int):
        raise ModelFileError(f"{name} is a damaged model file (its {CARD} is not one of ours): save it again.")
    if card["format"] > FORMAT:
        made_by = card.get("versions", {}).get("crosstask", "a newer release")
        raise ModelFileError(
            f"{name} was saved by crosstask {made_by}, which is newer than this one: upgrade crosstask."
        )
    return card


def _warn_about_versions(name: str, card: dict[str, Any]) -> None:
    saved, now = card.get("versions", {}), versions()
    other = [
        f"{package} {saved[package]} (here {now[package]})"
        for package in _SAME_VERSIONS
        if package in saved and saved[package] != now[package]
    ]
    if other:
        warnings.warn(
            f"{name} was saved with {' and '.join(other)}: predictions may differ; "
            "install those versions, or fit and save the model again.",
            VersionMismatchWarning,
            stacklevel=3,
        )

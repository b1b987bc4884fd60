"""Loading a saved model, and reading about it without loading it."""

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeGuard
from zipfile import ZipFile

from crosstask.persistence._card import CARD, FORMAT, digest, versions
from crosstask.persistence._errors import ModelFileError, UntrustedTypesError, VersionMismatchWarning
from crosstask.persistence._moved import with_new_homes
from crosstask.persistence._trees import check_trees
from crosstask.persistence._types import is_known

# What a file may grow to in memory: as zip bombs do a thousand times, and arrays of numbers seldom more than ten.
MOST_FREE, MOST_RATIO = 256 * 2**20, 100


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
        If scikit-learn has another version than when the model was saved, or crosstask an older one. Files of older
        versions of crosstask open as they did there: the tests hold one of each.

    Notes
    -----
    Reading takes at most the memory of the file and, unpacked, the larger of 256 MiB and 100 times its size; a file
    that would unpack to more is refused.
    """
    from sklearn.exceptions import InconsistentVersionWarning
    from skops import io as skops_io

    name, content = str(path), _read(path)
    card = _card(name, content)
    _warn_about_versions(name, card["versions"])
    admitted = {entry if isinstance(entry, str) else f"{entry.__module__}.{entry.__qualname__}" for entry in trusted}
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            if "sha256" in card and digest(archive) != card["sha256"]:
                raise ModelFileError(
                    f"{name} is a damaged model file (it is not as it was saved): save or copy it again."
                )
        content = with_new_homes(content)
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
    with file.open("rb") as stream:
        begin = stream.read(1000)
        if not begin:
            raise ModelFileError(f"{file} is empty: save the model again.")
        if not begin.startswith(b"PK"):
            raise ModelFileError(
                f"{file} is {_what(begin)}, not a model that crosstask saved: use the file that save wrote."
            )
        return begin + stream.read()


def _what(content: bytes) -> str:
    """Say what a file that is not a zip looks like."""
    if (content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")) or b"sklearn" in content[:200]:
        return "a pickle (which can run any code when it is read, and is never read here)"
    if content[:2] == b"\x1f\x8b" or (content[:1] == b"\x78" and int.from_bytes(content[:2]) % 31 == 0):
        return "a compressed file (perhaps a pickle by joblib, which is never read here)"
    printable = sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in content)
    return "a text file" if printable >= 0.95 * len(content) else "some binary file"


def _card(name: str, content: bytes) -> dict[str, Any]:
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            members = set(archive.namelist())
            unpacked = sum(member.file_size for member in archive.infolist())
            bomb = unpacked > max(MOST_FREE, MOST_RATIO * len(content))
            card = json.loads(archive.read(CARD)) if {CARD, "schema.json"} <= members and not bomb else None
    except Exception as error:  # zipfile has a dozen ways to say that bytes make no sense
        raise ModelFileError(f"{name} is a damaged model file ({error}): save or copy it again.") from error
    if not {CARD, "schema.json"} <= members:
        raise ModelFileError(f"{name} is a zip, but not a model that crosstask saved: it holds no {CARD}.")
    if bomb:
        raise ModelFileError(
            f"{name} has {len(content):,} bytes and would unpack to {unpacked:,}, which no model does: it is damaged "
            "or forged."
        )
    if not _is_card(card):
        raise ModelFileError(f"{name} is a damaged model file (its {CARD} is not one of ours): save it again.")
    if card["format"] > FORMAT:
        made_by = card["versions"].get("crosstask", "a newer release")
        raise ModelFileError(
            f"{name} was saved by crosstask {made_by}, which is newer than this one: upgrade crosstask."
        )
    return card


def _is_card(card: Any) -> TypeGuard[dict[str, Any]]:
    """Tell whether this is a page of ours: other values are shown, but these are used."""
    if not isinstance(card, dict) or type(card.get("format")) is not int:
        return False
    made_by = card.get("versions")
    return isinstance(made_by, dict) and all(isinstance(text, str) for text in made_by.values())


def _warn_about_versions(name: str, saved: dict[str, str]) -> None:
    now = versions()
    other = [
        f"{package} {saved[package]} (here {now[package]})"
        for package, differs in (("crosstask", _newer), ("scikit-learn", str.__ne__))
        if package in saved and differs(saved[package], now[package])
    ]
    if other:
        warnings.warn(
            f"{name} was saved with {' and '.join(other)}: predictions may differ; "
            "install those versions, or fit and save the model again.",
            VersionMismatchWarning,
            stacklevel=3,
        )


def _newer(saved: str, now: str) -> bool:
    """Tell whether the release that saved is newer than this one; what is no version of ours counts as newer."""
    return _release(saved) > _release(now)


def _release(version: str) -> tuple[float, ...]:
    parts = version.split(".")[:3]
    return tuple(float(part) if part.isdigit() else float("inf") for part in parts)

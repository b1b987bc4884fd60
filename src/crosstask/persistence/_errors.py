"""What can go wrong with a model file."""

from __future__ import annotations

from collections.abc import Iterable


class ModelFileError(ValueError):
    """The file is not a model that crosstask can read; the message says what it is, in one line."""


class UntrustedTypesError(ModelFileError):
    """The file holds types outside the closed list.

    Parameters
    ----------
    path : str
        The file.
    types : iterable of str
        Their full names, kept sorted in ``types``.
    """

    def __init__(self, path: str, types: Iterable[str]) -> None:
        self.types = sorted(types)
        shown = ", ".join(repr(name) for name in self.types)
        super().__init__(
            f"{path} was not loaded, for it holds types that crosstask does not know: {shown}; if you trust whoever "
            f"made the file, load it with trusted=[{shown}]."
        )


class VersionMismatchWarning(UserWarning):
    """The file was saved with other versions than those installed."""

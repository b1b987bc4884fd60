"""Saving fitted models and loading them again, without pickle and from a closed list of types."""

from crosstask.persistence._errors import ModelFileError, UntrustedTypesError, VersionMismatchWarning
from crosstask.persistence._files import check_output, write_atomically
from crosstask.persistence._load import describe, load
from crosstask.persistence._save import save

__all__ = [
    "ModelFileError",
    "UntrustedTypesError",
    "VersionMismatchWarning",
    "check_output",
    "describe",
    "load",
    "save",
    "write_atomically",
]

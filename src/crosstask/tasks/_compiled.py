"""numba's ``njit`` with a place to keep what it compiled, also where the package is installed read-only."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
PACKAGE = Path(__file__).parents[1]


def njit(*, fastmath: Any = False, nogil: bool = False) -> Callable[[Kernel], Kernel]:
    """Compile a kernel on its first call, and keep the code for other processes."""
    import numba

    return cast("Callable[[Kernel], Kernel]", numba.njit(cache=kernels_can_be_kept(), fastmath=fastmath, nogil=nogil))


@cache
def kernels_can_be_kept() -> bool:
    """Make sure, once a process, that compiled kernels can be kept somewhere.

    numba keeps them beside the source, else in the user's cache folder, and refuses to compile where it can write to
    neither. Then a folder of temporary files takes their place; a warning says so when that folder is made. Where
    that cannot be written to either, every process compiles anew.
    """
    from numba.core import config

    settings: Any = config  # numba publishes no types
    if settings.CACHE_DIR or any(is_writable(folder) for folder in usual_folders()):
        return True
    fallback = Path(tempfile.gettempdir()) / f"crosstask-kernels-{_user()}"
    known = fallback.is_dir()
    if not (is_writable(fallback) and is_ours(fallback)):
        warnings.warn(
            f"compiled kernels cannot be kept: {PACKAGE}, the user's cache folder and {fallback} cannot be written to "
            "(or the last is somebody else's), so each process compiles anew, which takes seconds. Set "
            "NUMBA_CACHE_DIR to a folder that can.",
            UserWarning,
            stacklevel=2,
        )
        return False
    if not known:
        warnings.warn(
            f"compiled kernels are kept in {fallback}, since neither {PACKAGE} nor the user's cache folder can be "
            "written to. Set NUMBA_CACHE_DIR to choose another folder.",
            UserWarning,
            stacklevel=2,
        )
    settings.CACHE_DIR = str(fallback)
    return True


def usual_folders() -> list[Path]:
    """Return where numba would keep kernels: beside the source, or in the user's cache folder."""
    from numba.misc.appdirs import AppDirs

    return [PACKAGE / "solvers" / "__pycache__", Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)]


def is_writable(folder: Path) -> bool:
    """Tell whether a folder exists or can be made, and takes files."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def is_ours(folder: Path) -> bool:
    """Tell whether nobody else can put files into a folder: kernels that are read back run as code."""
    if not hasattr(os, "getuid"):
        return True
    status = folder.lstat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022 and not folder.is_symlink()


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "user"

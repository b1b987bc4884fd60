"""Writing a file wholly or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def check_output(path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Tell before any work starts whether a file may be written.

    Parameters
    ----------
    path : path-like
        The file to be.
    force : bool, default=False
        Whether a file that exists may be replaced.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileExistsError
        If the file exists and ``force`` is False.
    IsADirectoryError, FileNotFoundError, PermissionError
        If the path is a directory, or its directory is absent or cannot be written to.
    OSError
        If the path is something else than a file, such as a pipe or a device.
    """
    target = Path(path)
    folder = target.parent
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a directory: give the name of a file inside it.")
    if target.exists() and not target.is_file():
        raise OSError(f"{target} is a pipe or a device, which cannot be replaced by a file: give the name of a file.")
    if target.exists() and not force:
        raise FileExistsError(f"{target} exists already: choose another name, or allow it to be replaced with force.")
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no directory {folder} to write {target.name} into: make it first.")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"the directory {folder} cannot be written to: choose another place for {target.name}.")
    return target


def write_atomically(path: str | os.PathLike[str], content: bytes, *, force: bool = False) -> Path:
    """Write a file so that a reader sees all of it or none of it, whatever happens in between.

    Of several processes that write one path, one has its whole file there: the last with ``force``, else the first.
    A symbolic link stays, and the file that it names is written.

    Parameters
    ----------
    path : path-like
        The file.
    content : bytes
        All that it shall hold.
    force : bool, default=False
        Whether a file that exists may be replaced.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    OSError
        As :func:`check_output`, or when the disk refuses; then nothing has changed.
    """
    target = Path(os.path.realpath(check_output(path, force=force)))
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(_mode(target))
        if force:
            os.replace(name, check_output(target, force=True))
        else:
            _place(name, target)
    except BaseException:  # Ctrl-C too must leave nothing half written
        Path(name).unlink(missing_ok=True)
        raise
    return Path(path)


def _place(name: str, target: Path) -> None:
    """Give the file its name unless another has it, in one step where the file system knows hard links."""
    try:
        os.link(name, target)
    except FileExistsError:
        check_output(target)  # says it as ever
        raise
    except OSError:
        os.replace(name, check_output(target))
    else:
        Path(name).unlink()


def _mode(target: Path) -> int:
    """Keep the mode of a file that is replaced; a new one gets what the process gives to any new file."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask

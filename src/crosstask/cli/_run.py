"""Running the command so that whatever goes wrong ends in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from time import perf_counter

BEGAN = perf_counter()  # the import of what follows counts toward a time budget
INTERRUPTED = 130
_STOPPED = "interrupted; no file was left half written."


class BadInputError(ValueError):
    """What the user gave cannot be used; the message says what was given, what was expected and what cures it."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments and return the exit code."""
    from crosstask.cli._app import command

    try:
        code = command()(args=arguments, prog_name="crosstask", standalone_mode=False)
        if code == INTERRUPTED:  # newer typer turns Ctrl-C into an exit code, older into Abort
            return _say(_STOPPED, INTERRUPTED)
        return code if isinstance(code, int) else 0
    except (BadInputError, OSError) as error:
        return _say(_os_text(error) if isinstance(error, OSError) else str(error), 2)
    except KeyboardInterrupt:
        return _say(_STOPPED, INTERRUPTED)
    except Exception as error:
        if type(error).__name__ == "Abort":
            return _say(_STOPPED, INTERRUPTED)
        if hasattr(error, "format_message"):  # a wrong option; typer may bring its own copy of click's classes
            return _say(_usage(error), 2)
        return _fault(error)


def _usage(error: Exception) -> str:
    message = str(getattr(error, "format_message", lambda: error)()).strip().rstrip(".")
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "crosstask")
    return f"{message} (see {path} --help)."


def _os_text(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."


def _fault(error: Exception) -> int:
    """Say that something unforeseen happened; the traceback is shown on request only."""
    if os.environ.get("CROSSTASK_TRACEBACK"):
        import traceback

        traceback.print_exc()
    return _say(f"{type(error).__name__}: {error} (this should not happen; set CROSSTASK_TRACEBACK=1 to see where).", 1)


def _say(message: str, code: int) -> int:
    print(f"crosstask: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return code

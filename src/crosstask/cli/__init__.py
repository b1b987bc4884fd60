"""The ``crosstask`` command: a table with a task column in, guarded models, predictions and a report out."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process: 0 done, 1 a fault of ours, 2 a bad input, 130 interrupted.

    Parameters
    ----------
    arguments : sequence of str, optional
        In place of those of the process.
    """
    import sys

    from crosstask.cli._run import run

    sys.exit(run(arguments))

"""``crosstask describe``: what a model file says about itself, read without making any object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crosstask.cli._run import BadInputError

MOST = 20


def describe_model(model: Path) -> None:
    """Print what the model is, who wrote it, and what it takes.

    Raises
    ------
    BadInputError
        In one line.
    """
    from crosstask.cli._show import console
    from crosstask.persistence import ModelFileError, describe

    try:
        card = describe(model)
    except (ModelFileError, FileNotFoundError) as error:
        raise BadInputError(str(error)) from error
    out = console()
    for line in card_lines(card):
        out.print(line, markup=False)


def card_lines(card: dict[str, Any]) -> list[str]:
    """Say what is on the readable page of a model file, a line for each thing that it has."""
    training, made_by = card.get("training"), card["versions"]
    rows = f", fitted on {training['n_rows']:,} rows" if isinstance(training, dict) and "n_rows" in training else ""
    keepers = _names(card.get("keeps_training_rows"))
    named: list[tuple[str, str]] = [
        ("Model", f"{str(card.get('model')).rpartition('.')[2]}{rows}"),
        ("Written", f"{card.get('saved')} by " + ", ".join(f"{name} {text}" for name, text in made_by.items())),
        ("Task column", _text(card.get("task_column"))),
        ("Tasks", _names(card.get("tasks"))),
        ("Classes", _names(card.get("classes"))),
        ("Columns", _columns(card.get("columns"))),
        ("Rows of the training data", f"kept by {keepers}" if keepers else "none"),
    ]
    return [f"{name + ':':<13} {text}" for name, text in named if text]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _columns(columns: Any) -> str:
    parts = [one for one in columns if isinstance(one, dict) and "name" in one] if isinstance(columns, list) else []
    return _names([f"{one['name']} ({one['kind']})" if "kind" in one else one["name"] for one in parts])


def _names(values: Any) -> str:
    if not isinstance(values, list) or not values:
        return ""
    return ", ".join(map(str, values[:MOST])) + (f" and {len(values) - MOST} more" if len(values) > MOST else "")

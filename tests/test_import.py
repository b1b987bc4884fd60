"""``import crosstask`` costs next to nothing, and changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "sklearn",
    "scipy",
    "numba",
    "pandas",
    "polars",
    "matplotlib",
    "jinja2",
    "skops",
    "typer",
    "rich",
    "narwhals",
    "torch",
}


def _loaded_after(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_import_loads_nothing_heavy():
    assert not HEAVY & _loaded_after("import crosstask; dir(crosstask); crosstask.__version__")


@pytest.mark.parametrize(
    "name",
    [
        *("TaskKFold", "per_task_scores", "keep_task", "MultiTaskRegressor", "TransferGuard", "CrossTaskRegressor"),
        "MultiTaskMLPRegressor",
    ],
)
def test_a_name_loads_neither_pictures_nor_compilers_nor_the_command(name):
    loaded = _loaded_after(f"import crosstask; crosstask.{name}")
    assert "sklearn" in loaded  # which imports rich, and parts of pandas, where they are installed
    assert not {"matplotlib", "jinja2", "typer", "skops", "numba", "torch"} & loaded


def test_every_public_name_is_there_and_says_where_it_lives():
    import crosstask

    for name in crosstask.__all__:
        assert getattr(crosstask, name) is not None
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'; it has .*TaskKFold"):
        _ = crosstask.nothing
    assert set(crosstask.__all__) <= set(dir(crosstask))


def test_type_checkers_see_the_catalogue():
    import ast
    from pathlib import Path

    import crosstask

    tree = ast.parse(Path(crosstask.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name
        for guarded in tree.body
        if isinstance(guarded, ast.If)
        for line in guarded.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    assert seen == set(crosstask.__all__) - {"__version__"}


def test_import_leaves_scikit_learns_configuration_alone():
    code = (
        "from sklearn import get_config; before = get_config(); import crosstask, warnings\n"
        "filters = list(warnings.filters)\n"
        "[getattr(crosstask, name) for name in ('TaskKFold', 'per_task_scores', 'EasyAdapt', 'PriorRegressor')]\n"
        "assert get_config() == before and list(warnings.filters) == filters"
    )
    _loaded_after(code)

"""How the documentation is built: `make docs`, or `sphinx-build -W docs docs/_build/html`."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from textwrap import indent
from typing import Any

import crosstask

project = "crosstask"
author = "The crosstask developers"
copyright = "2026, the crosstask developers"
version = release = crosstask.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_nb",
]
exclude_patterns = ["_build", "jupyter_execute", "**/.ipynb_checkpoints"]
templates_path = ["_templates"]

html_theme = "furo"
html_title = f"crosstask {release}"
html_copy_source = False

myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
nb_execution_mode = "cache"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
# scikit-learn's inherited docstrings refer to labels of its own user guide.
suppress_warnings = ["ref.ref"]

API = Path(__file__).parent / "api" / "generated"
BEYOND_THE_CATALOGUE = ("crosstask.datasets", "crosstask.losses", "crosstask.solvers", "crosstask.testing")


def public_modules() -> dict[str, list[str]]:
    """Return every documented module with its public names: the catalogue, and what else has an ``__all__``."""
    names: dict[str, set[str]] = {module: set(listed) for module, listed in crosstask._CATALOGUE.items()}
    for module in (*names, *BEYOND_THE_CATALOGUE):
        known = names.setdefault(module, set())
        if module in BEYOND_THE_CATALOGUE:
            known.update(importlib.import_module(module).__all__)
    return {module: sorted(names[module]) for module in sorted(names)}


def write_api_pages() -> None:
    """Write one page a module; autosummary then writes one a name."""
    API.mkdir(parents=True, exist_ok=True)
    for module, names in public_modules().items():
        said = (importlib.import_module(module).__doc__ or "").strip()
        listed = indent("\n".join(names), "   ")
        title = f"{module}\n{'=' * len(module)}"
        page = f"{title}\n\n{said}\n\n.. currentmodule:: {module}\n\n.. autosummary::\n   :toctree: .\n\n{listed}\n"
        target = API / f"module.{module}.rst"
        if not target.exists() or target.read_text(encoding="utf-8") != page:
            target.write_text(page, encoding="utf-8")


def escape_plain_text(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let docstrings say |w| and coef_ as one reads them in a terminal: both mean something else to docutils."""
    text = "\n".join(lines).replace("\\\n", "")  # a raw docstring keeps the backslash that continues a long line
    lines[:] = text.split("\n")
    indent_of_math: int | None = None
    for number, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        if indent_of_math is not None and line.strip() and depth <= indent_of_math:
            indent_of_math = None
        if line.lstrip().startswith(".. math::"):
            indent_of_math = depth
        if indent_of_math is None and not line.lstrip().startswith((">>>", "...")):
            parts = line.split("`")
            parts[::2] = [
                re.sub(r"\|(?=\S)|(?<=\S)\||(?<=\w)_(?=[\s.,;:)\]]|$)", r"\\\g<0>", part) for part in parts[::2]
            ]
            lines[number] = "`".join(parts)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", escape_plain_text, priority=400)  # before numpydoc's 500


write_api_pages()

"""Each package imports only from packages above it; imports inside functions, for showing results, are exempt."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "crosstask"
LEVELS = [
    {"tasks"},
    {"summaries"},
    {"datasets"},
    {"losses", "couplings"},
    {"solvers"},
    {"metrics"},
    {"model_selection"},
    {"multitask", "transfer"},
    {"neural"},
    {"allocation"},
    {"affinity", "guard"},
    {"auto"},
    {"advisor"},
    {"lifecycle"},
    {"persistence"},
    {"report"},
    {"cli"},
    {"testing"},
]
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
FILES = sorted(path for path in SOURCE.rglob("*.py") if path.parent != SOURCE)


class _Imports(ast.NodeVisitor):
    """Collects what a module imports when it is imported itself."""

    def __init__(self):
        self.modules = []

    def visit_FunctionDef(self, node):
        pass

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_If(self, node):
        if "TYPE_CHECKING" in ast.dump(node.test):  # names in annotations bind nothing at run time
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_Import(self, node):
        self.modules += [name.name for name in node.names]

    def visit_ImportFrom(self, node):
        assert node.level == 0, "imports are written out, not relative"
        self.modules += [f"{node.module}.{name.name}" for name in node.names]


def _packages(source):
    visitor = _Imports()
    visitor.visit(ast.parse(source))
    parts = [module.split(".") for module in visitor.modules]
    return [part[1] if len(part) > 1 else "" for part in parts if part[0] == "crosstask"]


def _faults(own, source):
    return [
        name
        for name in _packages(source)
        if name != own and (name not in LEVEL or LEVEL[name] >= LEVEL[own]) and name != "__version__"
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_module_imports_only_from_above(path):
    own = path.relative_to(SOURCE).parts[0]
    assert own in LEVEL, f"{own} has no place in the order of packages"
    assert not _faults(own, path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("own", "source", "faults"),
    [
        ("solvers", "from crosstask.multitask import EasyAdapt", ["multitask"]),
        ("losses", "import crosstask.couplings", ["couplings"]),
        ("tasks", "import crosstask", [""]),
        ("auto", "from crosstask import __version__", []),
        ("tasks", "class A:\n    from crosstask.cli import main", ["cli"]),
        ("tasks", "try:\n    from crosstask import guard\nexcept ImportError:\n    pass", ["guard"]),
        ("guard", "from crosstask.tasks import TaskMixin\nfrom crosstask.guard._rules import f\nimport numpy", []),
        ("tasks", "def show():\n    from crosstask.report import write_report", []),
        ("tasks", "if TYPE_CHECKING:\n    from crosstask.guard import TransferGuard", []),
    ],
)
def test_the_test_sees_upward_and_sideways_arrows(own, source, faults):
    assert _faults(own, source) == faults

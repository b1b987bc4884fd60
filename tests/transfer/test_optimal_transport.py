"""OptimalTransportMap against a linear programme, and what classes do to the plan."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from crosstask.transfer import OptimalTransportMap

pytest.importorskip("ot", reason="POT is not installed: pip install crosstask[transport]")
TASK = np.repeat(["a", "b", "t"], [25, 25, 25])


def rows(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(75, 3)) + (TASK == "t")[:, None] * [3.0, 0.0, 0.0]


def test_without_entropy_it_is_the_best_assignment():
    X = rows()
    mapped = OptimalTransportMap("t", reg=0.0).fit_transform(X, task=TASK)
    target = X[TASK == "t"]
    for name in "ab":
        source = X[name == TASK]
        _, to = linear_sum_assignment(cdist(source, target, "sqeuclidean"))
        assert_allclose(mapped[name == TASK], target[to], atol=1e-10)
    assert_allclose(mapped[TASK == "t"], target)


def test_a_new_row_moves_as_its_nearest_did():
    X = rows()
    aligner = OptimalTransportMap("t").fit(X, task=TASK)
    moved = aligner.transform(X, task=TASK)
    near = X[:5] + 1e-6
    assert_allclose(aligner.transform(near, task=TASK[:5]), moved[:5] + 1e-6, atol=1e-9)


def test_known_classes_of_the_target_are_respected():
    X = rows()
    y = np.where(np.arange(75) % 2, "p", "q")
    mapped = OptimalTransportMap("t", reg=0.0).fit_transform(X, y, task=TASK)
    target, label = X[TASK == "t"], y[TASK == "t"]
    for name in "ab":
        to = cdist(mapped[name == TASK], target).argmin(axis=1)
        agree = np.mean(label[to] == y[name == TASK])
        assert agree >= 24 / 25  # 13 against 12 of a class: one row too many


def test_classes_of_the_source_are_kept_apart():
    rng = np.random.default_rng(0)
    y = np.where(rng.random(75) < 0.5, 0.0, 1.0)
    X = rng.normal(size=(75, 2)) * [1.0, 0.3] + np.column_stack([np.zeros(75), 1.5 * y])
    X[TASK == "t"] += [1.0, 0.5]
    holed = np.where(TASK == "t", np.nan, y)
    spread = []
    for class_reg in (0.0, 1.0):
        mapped = OptimalTransportMap("t", reg=0.5, class_reg=class_reg).fit_transform(X, holed, task=TASK)
        source = TASK != "t"
        spread.append(np.linalg.norm(mapped[source & (y == 1)].mean(axis=0) - mapped[source & (y == 0)].mean(axis=0)))
    assert spread[1] > spread[0]


def test_lines_for_what_does_not_work():
    with pytest.raises(ValueError, match="reg=-1 must be 0 or a positive number"):
        OptimalTransportMap("t", reg=-1).fit(rows(), task=TASK)
    code = (
        "import sys; sys.modules['ot'] = None\n"
        "from crosstask import OptimalTransportMap\n"
        "try:\n    OptimalTransportMap('t').fit([[0.0], [1.0]], task=['s', 't'])\n"
        "except ImportError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == 'OptimalTransportMap needs POT, which is not installed: pip install "crosstask[transport]".'

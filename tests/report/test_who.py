"""The heat map and the dendrogram of the page."""

from __future__ import annotations

import base64
import io

import matplotlib.image
import numpy as np
import pytest
from scipy.cluster.hierarchy import dendrogram

from crosstask import task_affinity
from crosstask.report import WhoHelps
from crosstask.report._who import joints, png


def affinity(n_tasks, n=30):
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((n_tasks * n, 3)), np.repeat([f"t{k:03d}" for k in range(n_tasks)], n)
    sign = np.where(np.arange(n_tasks * n) // n % 2, -1.0, 1.0)
    return task_affinity(X, sign * X.sum(axis=1) + rng.standard_normal(len(X)), task=task)


def test_the_joints_are_those_of_scipy():
    found = affinity(9)
    drawn = dendrogram(found.tree(), no_plot=True)
    expected = sorted(
        (y[1], *sorted((x[0] / 10, x[2] / 10))) for x, y in zip(drawn["icoord"], drawn["dcoord"], strict=True)
    )
    median, top = np.median(found.tree()[:, 2]), found.tree()[:, 2].max()
    ours = sorted(
        (median * np.expm1(h * np.log1p(top / median)), *sorted((a, b)))
        for a, _, b, _, h in joints(found.tree(), found.order())
    )
    np.testing.assert_allclose(ours, expected, atol=1e-9)


def test_a_png_is_read_back_as_it_was_written():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4)).astype(np.uint8)
    np.testing.assert_allclose(matplotlib.image.imread(io.BytesIO(png(pixels))), pixels / 255, atol=1e-6)


def test_gains_of_few_tasks_are_numbers_and_of_many_a_picture_with_the_same_order():
    few = WhoHelps.of(affinity(4))
    assert few.tabled
    text, kind, depth = few.rows[0][1][1]
    assert text.endswith(" %")
    assert kind.split()[0] == ("help" if few.gain[0, 1] > 0 else "harm")
    assert 0 < depth <= 0.5
    many = WhoHelps.of(affinity(42))
    assert not many.tabled
    data = base64.b64decode(many.picture.partition(",")[2])
    image = matplotlib.image.imread(io.BytesIO(data))
    scale = len(image) // 42
    middle = image[scale // 2 :: scale, scale // 2 :: scale]
    blue = middle[..., 2] > middle[..., 0]
    off = ~np.eye(42, dtype=bool)
    np.testing.assert_array_equal(blue[off], (many.gain > 0)[off])
    assert many.strongest[0][2].startswith("+")


@pytest.mark.parametrize("n_tasks", [2, 1000])
def test_two_tasks_and_a_thousand(n_tasks):
    gain = np.random.default_rng(1).normal(size=(n_tasks, n_tasks))
    np.fill_diagonal(gain, np.nan)
    found = type(affinity(2))(
        np.arange(n_tasks), gain, np.abs(gain) / 3, np.full_like(gain, np.nan), np.ones(n_tasks), "moments"
    )
    who = WhoHelps.of(found)
    assert len(who.joined) == (n_tasks - 1 if n_tasks > 2 else 0)
    assert len(who.picture) < 2_500_000

from __future__ import annotations

import numpy as np
import pytest

from crosstask.metrics import rows_saved

SIZES = np.array([10.0, 30.0, 90.0, 270.0])


def test_a_curve_moved_by_a_factor_saves_that_factor():
    def curve(n):
        return 0.5 + 0.1 * np.log(n)

    found = rows_saved(SIZES, curve(SIZES), curve(2.0 * SIZES))
    np.testing.assert_allclose(found.saved[:3], SIZES[:3])
    assert found.bound.tolist() == ["", "", "", "at least"]
    assert found.saved[3] == 0.0
    losses = rows_saved(SIZES, -curve(SIZES), -curve(2.0 * SIZES), greater_is_better=False)
    np.testing.assert_allclose(losses.saved, found.saved)
    worse = rows_saved(SIZES, curve(SIZES), curve(SIZES / 2.0))
    np.testing.assert_allclose(worse.saved[1:], -SIZES[1:] / 2.0)
    assert worse.bound.tolist() == ["at most", "", "", ""]


def test_flat_and_falling_pieces_take_the_fewest_rows_that_reach_the_score():
    found = rows_saved([1, 2, 4, 8], [0.5, 0.7, 0.7, 0.6], [0.6, 0.66, 0.6, 0.5])
    top = (0.7 + 0.7 + 0.6) / 3  # the isotonic fit of the last three
    np.testing.assert_allclose(found.saved[0] + 1, 2.0 ** ((0.6 - 0.5) / (top - 0.5)))
    assert (found.saved + found.n_rows <= 2.0).all()


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(20):
        own = 0.5 + 0.1 * np.log(SIZES) + 0.02 * rng.standard_normal((20, 4))
        moved = 0.5 + 0.1 * np.log(2.0 * SIZES) + 0.02 * rng.standard_normal((20, 4))
        found = rows_saved(SIZES, own, moved, level=0.9)
        inside += int(found.low[1] <= 30.0 <= found.high[1])
    assert inside >= 15
    again = rows_saved(SIZES, own, moved, level=0.9)
    np.testing.assert_array_equal(again.low, found.low)


def test_frame_words_and_picture_say_the_same():
    found = rows_saved(SIZES, [0.5, 0.6, 0.7, 0.8], [0.7, 0.75, 0.85, 0.9])
    frame = found.frame()
    assert frame["saved"].tolist() == found.saved.tolist()
    assert str(found).splitlines()[0] == "10 rows with transfer are worth 90 without (+80; score 0.7 against 0.5)."
    ax = found.plot()
    words = [text.get_text() for text in ax.texts if text.get_text()]
    assert words == ["+80", "+126", "at least +180", "at least +0"]
    assert [line.get_label() for line in ax.lines] == ["target alone", "with transfer"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([10], [0.5], [0.6]), "at least two numbers of rows"),
        (([10, 5], [0.5, 0.6], [0.6, 0.7]), "rising and above 0"),
        (([5, 10], [0.5], [0.6, 0.7]), r"own has the shape \(1,\)"),
        (([5, 10], [0.5, np.nan], [0.6, 0.7]), "own holds NaN"),
        (([5, 10], [[0.5, 0.6]] * 2, [[0.6, 0.7]] * 3), "own has 2 draws and transferred 3"),
    ],
)
def test_bad_curves_get_one_line(arguments, message):
    with pytest.raises(ValueError, match=message):
        rows_saved(*arguments)

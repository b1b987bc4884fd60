"""Candidates that fall behind, and a clock that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from tests.guard.test_guard import RIDGES, regression

from crosstask.guard import TransferGuard
from crosstask.guard._contest import Contest
from crosstask.guard._held_out import Work
from crosstask.guard._pace import Pace
from crosstask.guard._race import Race
from crosstask.multitask import EasyAdapt, IndependentTasks


class Shifted(RegressorMixin, BaseEstimator):
    """A ridge that is off by so much, everywhere or where the first column is above one."""

    def __init__(self, by=0.0):
        self.by = by

    def fit(self, X, y):
        self.ridge_ = Ridge().fit(X, y)
        return self

    def predict(self, X):
        return self.ridge_.predict(X) + self.by


def test_who_is_shown_to_be_behind_leaves_with_fold_and_reason():
    X, y, task = regression(n_tasks=4, n=60)
    candidates = [*RIDGES, ("near", EasyAdapt(Ridge())), ("off", EasyAdapt(Shifted(2.0)))]
    guard = TransferGuard(candidates, race=True, random_state=0).fit(X, y, task=task)
    ((name, fold, reason),) = guard.dropped_
    assert (name, fold) == ("off", 2)
    assert reason.startswith("its squared error is ")
    assert " above that of " in reason
    assert list(guard.candidates_) == ["own", "pooled", "near"]
    assert list(guard.weights_.columns) == ["own", "pooled", "near"]
    assert ("left-out", f"off was left out after fold 2 of 5: {reason}.") in guard.findings_
    without = TransferGuard(candidates[:-1], random_state=0).fit(X, y, task=task)
    np.testing.assert_allclose(guard.predict(X, task=task), without.predict(X, task=task), rtol=1e-12)


def test_a_race_that_nobody_loses_changes_nothing():
    X, y, task = regression()
    candidates = [*RIDGES, ("near", EasyAdapt(Ridge()))]
    with_race = TransferGuard(candidates, race=True, time_budget=1e6, random_state=0).fit(X, y, task=task)
    plain = TransferGuard(candidates, random_state=0).fit(X, y, task=task)
    assert with_race.dropped_ == []
    np.testing.assert_array_equal(with_race.weights_, plain.weights_)


def test_own_pooled_and_constants_stay_however_far_behind():
    X, y, task = regression(n_tasks=4, n=60)
    candidates = [("own", IndependentTasks(Shifted(3.0))), RIDGES[1], ("good", EasyAdapt(Ridge()))]
    guard = TransferGuard(candidates, race=True, random_state=0).fit(X, y, task=task)
    assert guard.dropped_ == []


def test_who_is_best_in_one_task_stays():
    rng = np.random.default_rng(0)
    codes, fold = np.repeat(np.arange(3), 40), np.tile(np.arange(4), 30)
    y = rng.standard_normal(120)
    best = y + 0.5 * rng.standard_normal(120)
    worse = y + 1.5 * rng.standard_normal(120)
    names = ["own", "best", "odd"]
    race = Race(names, y, codes, np.ones(120), None, 3, frozenset({0}), _kind())
    predictions = np.stack([np.zeros(120), best, worse], axis=1)[:, :, None]
    (found,) = race.behind(predictions, fold, [0, 1, 2], 1.0)
    assert found[0] == 2
    predictions[codes == 2, 2, 0] = y[codes == 2]
    predictions[codes == 2, 1, 0] = 0.0
    predictions[codes != 2, 1, 0] = y[codes != 2]
    assert race.behind(predictions, fold, [0, 1, 2], 1.0) == []


def test_the_interval_is_the_corrected_one_of_nadeau_and_bengio():
    rng = np.random.default_rng(1)
    y, codes = rng.standard_normal(50), np.zeros(50, dtype=np.intp)
    best = y + 0.5 * rng.standard_normal(50)
    overlap = 2 * 0.25
    verdicts = []
    for scale in np.linspace(0.5, 1.2, 15):
        other = y + scale * rng.standard_normal(50)
        predictions = np.stack([y + 1.0, best, other], axis=1)[:, :, None]
        race = Race(["own", "best", "other"], y, codes, np.ones(50), None, 1, frozenset({0}), _kind())
        left = bool(race.behind(predictions, np.arange(50) % 2, [0, 1, 2], overlap))
        d = (y - other) ** 2 - (y - best) ** 2
        statistic = d.mean() / np.sqrt(d.var(ddof=1) * (1 / 50) * (1 + overlap))
        verdicts.append(left)
        assert left == (statistic > stats.t.ppf(0.975, 49))
    assert len(set(verdicts)) == 2


def test_the_result_does_not_depend_on_the_workers():
    X, y, task = regression(n_tasks=4, n=60)
    candidates = [*RIDGES, ("off", EasyAdapt(Ridge(alpha=1e4)))]
    one, two = (TransferGuard(candidates, race=True, n_jobs=n, random_state=0).fit(X, y, task=task) for n in (1, 2))
    assert one.dropped_ == two.dropped_ != []
    np.testing.assert_array_equal(one.weights_, two.weights_)


def test_the_clock_drops_the_dearest_and_ends_the_folds_early(monkeypatch):
    """Fits take the seconds of a clock that only fits move: 1 for the core, 3 for the dear one."""
    now = [0.0]
    took = {"own": 1.0, "pooled": 1.0, "dear": 3.0}
    monkeypatch.setattr("crosstask.guard._pace.perf_counter", lambda: now[0])
    X, y, task = regression()
    rows = TransferGuard(RIDGES)._open_fit(X, y, task, None)
    folds = [(train, test) for train, test in KFold(5).split(X)]
    candidates = [*RIDGES, ("dear", EasyAdapt(Ridge()))]
    names = [name for name, _ in candidates]

    def fit(estimator, work, train, test, inner, seed):
        now[0] += took[names[seed]]
        return (estimator, test, np.empty((0, 1)), 1.0) if len(test) == 0 else (
            None, test, np.zeros((len(test), 1)), took[names[seed]]
        )  # fmt: skip

    monkeypatch.setattr("crosstask.guard._contest.fit_one", fit)

    def run(budget, **expected):
        now[0] = 0.0
        maker = type("NoFolds", (), {"inner": staticmethod(lambda train, seed: None)})()
        work = Work(rows, None, False, None, None)
        core, pace = frozenset({0, 1}), Pace(budget / 0.94, start=0.0, expected=expected)
        found = Contest(candidates, work, folds, maker, 0, None, lambda *a: None, core, None, pace).run()
        return now[0], [(one.name, one.fold) for one in found.left], int(found.fold.max()) + 1

    assert run(33.0) == (30.0, [], 5)
    assert run(20.0) == (15.0, [("dear", 1)], 5)  # 3 seconds tell what it takes; 5 folds and all rows of the rest: 12
    assert run(9.5) == (8.0, [("dear", 0)], 3)
    assert run(1.0)[1:] == ([("dear", 0)], 2)
    too_much = {"own": 5.0, "pooled": 5.0, "dear": 3.0}
    assert run(70.0, **too_much) == (30.0, [], 5)  # left out at first; comes back once the core took less
    assert run(70.0, dear=np.inf) == (30.0, [], 5)
    assert run(18.0, dear=np.inf) == (12.0, [("dear", 0)], 5)  # 8 of 18 are left after the folds: less than it takes
    assert run(26.0, dear=np.inf) == (15.0, [("dear", 0)], 5)  # it may show what it takes, and that is too much


def test_the_fit_on_all_rows_needs_time_for_all_rows_and_nothing_for_the_core(monkeypatch):
    """10 seconds are left, a fold of the candidate takes 8 and all rows 1.5 times that; the core's 8 are done."""
    monkeypatch.setattr("crosstask.guard._pace.perf_counter", lambda: 90.0)
    pace = Pace(100.0 / 0.94, start=0.0, growth=1.5, seconds={0: 8.0, 1: 8.0, 2: 6.0})
    assert not pace.may_begin(1, [0, 1, 2], {0}, -1)
    assert pace.may_begin(2, [0, 1, 2], {0}, -1)
    assert pace.may_begin(0, [0, 1, 2], {0}, 3)
    assert not pace.may_begin(2, [0, 1, 2], {0}, 0)  # the core's fit on all rows takes 12


@pytest.mark.parametrize("budget", [0, "60s", True, float("nan")])
def test_a_budget_is_a_number_of_seconds(budget):
    X, y, task = regression()
    with pytest.raises(ValueError, match="must be a number of seconds above 0"):
        TransferGuard(RIDGES, time_budget=budget).fit(X, y, task=task)


def test_the_core_is_named_by_its_candidates():
    X, y, task = regression()
    with pytest.raises(ValueError, match="names 'tied', which is none of 'own', 'pooled'"):
        TransferGuard(RIDGES, core=["tied"]).fit(X, y, task=task)


def _kind():
    return {"scoring": "squared", "q": 0.5, "linear": False, "n_classes": 0, "own": 0, "separate": np.array([True])}

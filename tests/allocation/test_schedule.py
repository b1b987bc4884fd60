"""Jobs on workers: Graham's bound against the best of all assignments, memory, and one level of parallelism."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from threadpoolctl import threadpool_info

from crosstask.allocation import How, Job, choose_workers, longest_first
from crosstask.allocation._schedule import PROCESS_BYTES, finish


def _jobs(seconds, memory=0.0):
    return [Job(str(j), j, "all", 1, 1, s, memory) for j, s in enumerate(seconds)]


def test_no_worker_has_two_jobs_at_once_and_the_end_is_within_grahams_bound_of_the_best():
    rng = np.random.default_rng(0)
    for _ in range(20):
        seconds, M = rng.exponential(size=7), int(rng.integers(2, 4))
        placed = longest_first(_jobs(seconds), M)
        best = min(
            max(seconds[np.array(who) == w].sum() for w in range(M)) for who in product(range(M), repeat=len(seconds))
        )
        assert best <= finish(placed) + 1e-12 <= (4 / 3 - 1 / (3 * M)) * best + 2e-12
        for w in range(M):
            mine = sorted((job.start, job.start + job.seconds) for job in placed if job.worker == w)
            assert all(end <= start + 1e-12 for (_, end), (start, _) in pairwise(mine))
        assert [job.seconds for job in placed] == sorted(seconds, reverse=True)


def test_grahams_own_example_is_met_with_equality():
    """3 workers, jobs 5 5 4 4 3 3 3: the rule ends at 11, the best at 9."""
    assert finish(longest_first(_jobs([3, 5, 3, 4, 5, 4, 3]), 3)) == 11


def _chosen(seconds, wanted, memory=0.0, **how):
    options = {"processors": 8, "processes": False, "limit": np.inf} | how
    return choose_workers(_jobs(seconds, memory), wanted, **options)


def test_workers_are_as_many_as_asked_for_unless_jobs_memory_or_time_say_less():
    assert (_chosen([9.0] * 9, 4).number, _chosen([9.0] * 9, 4).threads) == (4, 2)
    assert _chosen([9.0] * 3, 4).number == 3
    few = _chosen([9.0] * 9, 4, memory=1e9, limit=2.5e9)
    assert (few.number, few.threads) == (2, 4)
    assert "3 fits at a time would need more than the 2.5 GB" in few.reason
    assert _chosen([9.0] * 9, 4, memory=1e9, limit=2.5e9 + 2 * PROCESS_BYTES, processes=True).number == 2
    slow = _chosen([0.1] * 9, 4, processes=True)
    assert slow.number == 1
    assert "longer to start than they save of 0.9 s" in slow.reason
    assert _chosen([0.1] * 9, 4, processes=True, settled=True).number == 4
    assert _chosen([np.nan] * 9, 4).number == 4


def test_parallelism_is_at_one_level():
    forest = RandomForestRegressor(n_jobs=4)
    how = How(threads=1, one_level=True)
    changed = how.before(forest)
    assert (changed.n_jobs, forest.n_jobs) == (1, 4)
    assert how.after(changed, forest).n_jobs == 4
    assert How().before(forest) is forest
    with how.limits():
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}


class SaysWhere(RegressorMixin, BaseEstimator):
    """Remembers the threads that it was given."""

    def __init__(self, n_jobs=None):
        self.n_jobs = n_jobs

    def fit(self, X, y):
        self.seen_ = max(pool["num_threads"] for pool in threadpool_info()), self.n_jobs
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_fits_that_run_side_by_side_have_their_share_of_the_processors_on_any_backend(backend):
    from crosstask import TransferGuard, plan

    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((60, 2)), np.repeat(["a", "b", "c"], 20)
    guard = TransferGuard([("own", SaysWhere(n_jobs=3))], own="own", cv=2, n_jobs=2, random_state=0)
    with parallel_config(backend=backend):
        made = plan(guard, X, X[:, 0], task=task)
        made.workers = made.workers.__class__(2, 1, "two, for the test")
        model = made.fit()
    threads, n_jobs = model.candidates_["own"].estimator_.seen_
    assert (threads, n_jobs) == (1, 1)
    assert len({one.process for one in made.spent}) >= 1

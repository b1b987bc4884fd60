"""Folds on a Dask cluster: the same answer, also where a worker is killed in the middle."""

import os
import signal

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from crosstask import MultiTaskRegressor, TaskStatistics
from crosstask.datasets import make_related_tasks

distributed = pytest.importorskip("distributed", reason="distributed (the extra cluster) is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask, about a worker that is gone


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def test_a_worker_that_is_killed_changes_nothing(client):
    data = make_related_tasks(n_tasks=40, n_rows=60, random_state=0)
    rng = np.random.default_rng(0)
    held = [rng.choice(len(data.y), 200, replace=False) for _ in range(60)]
    cv = [(np.setdiff1d(np.arange(len(data.y)), one), one) for one in held]
    here = MultiTaskRegressor(cv=cv).fit(data.X, data.y, task=data.task)
    workers, killed = client.run(os.getpid), []

    def kill_one(done, total, text):
        if done == 3 and total == len(cv):
            killed.append(next(iter(workers.values())))
            os.kill(killed[0], signal.SIGKILL)

    with joblib.parallel_config("dask", wait_for_workers_timeout=60):
        there = MultiTaskRegressor(cv=cv, verbose=kill_one, n_jobs=2).fit(data.X, data.y, task=data.task)
    assert killed, "a worker was killed while folds were open"
    assert set(client.run(os.getpid).values()) != set(workers.values())
    assert_array_equal(there.coef_, here.coef_)
    assert_array_equal(there.path_["cv_loss"], here.path_["cv_loss"])


def _summary(X, y, task):
    return TaskStatistics().partial_fit(X, y, task)


def test_statistics_are_mapped_and_merged(client):
    data = make_related_tasks(n_tasks=5, n_rows=60, random_state=0)
    parts = np.array_split(np.arange(len(data.y)), 4)
    with joblib.parallel_config("dask", wait_for_workers_timeout=60):
        found = joblib.Parallel()(joblib.delayed(_summary)(data.X[p], data.y[p], data.task[p]) for p in parts)
    merged = found[0].merge(found[1]).merge(found[2].merge(found[3]))
    whole = _summary(data.X, data.y, data.task)
    assert_array_equal(merged.n_rows_, whole.n_rows_)
    np.testing.assert_allclose(merged.moments().gram, whole.moments().gram, rtol=1e-10, atol=1e-10)

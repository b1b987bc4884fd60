"""Groups: exact search against every partition, known crowds, and their number."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, optimize, stats
from tests.affinity.simulation import make_crowds

from crosstask import log_evidence, task_affinity
from crosstask.affinity._groups import _all_partitions, _improved
from crosstask.affinity._moments import working_rows
from crosstask.affinity._pooling import predicted_losses
from crosstask.tasks import TaskData


def _partitions(items):
    if not items:
        yield []
        return
    first, *rest = items
    for smaller in _partitions(rest):
        for k, part in enumerate(smaller):
            yield [*smaller[:k], [first, *part], *smaller[k + 1 :]]
        yield [[first], *smaller]


def _cost(moments, partition, ridge):
    members = np.zeros((len(partition), moments.n_tasks), dtype=bool)
    for k, part in enumerate(partition):
        members[k, part] = True
    return predicted_losses(moments, members, ridge).sum()


def test_exact_search_finds_the_best_of_all_partitions():
    given = make_crowds(40, 0, n_tasks=6)
    moments = working_rows(TaskData.from_arrays(given.X, given.y, given.task))[0].moments()
    best = {}
    for partition in _partitions(list(range(6))):
        best[len(partition)] = min(best.get(len(partition), np.inf), _cost(moments, partition, 5.0))
    for k, labels in enumerate(_all_partitions(moments, 5.0), start=1):
        groups = [np.flatnonzero(labels == g).tolist() for g in np.unique(labels)]
        assert len(groups) == k
        assert _cost(moments, groups, 5.0) == pytest.approx(best[k])


def test_predicted_loss_is_close_to_leaving_one_row_out():
    given = make_crowds(60, 1, n_tasks=4)
    working = working_rows(TaskData.from_arrays(given.X, given.y, given.task))[0]
    moments, X = working.moments(), working.data.X
    predicted = predicted_losses(moments, np.ones((1, 4), dtype=bool), 3.0)[0]
    codes, total = working.data.codes, 0.0
    for i in range(len(X)):
        kept = np.arange(len(X)) != i
        means = [(X[kept & (codes == t)].mean(0), given.y[kept & (codes == t)].mean()) for t in range(4)]
        mx, my = np.array([m for m, _ in means]), np.array([m for _, m in means])
        A, b = X[kept] - mx[codes[kept]], given.y[kept] - my[codes[kept]]
        slope = linalg.solve(A.T @ A + 3.0 * np.eye(10), A.T @ b)
        total += (given.y[i] - my[codes[i]] - (X[i] - mx[codes[i]]) @ slope) ** 2 / moments.noise[codes[i]]
    assert predicted == pytest.approx(total, rel=0.06)  # the intercepts' own leverage is left out


@pytest.mark.parametrize("n_tasks", [9, 15])
def test_crowds_are_found(n_tasks):
    given = make_crowds(80, 2, n_tasks=n_tasks, own=0.0)
    crowd = np.arange(n_tasks) % 3
    crowd[-2:] += 3  # the flipped ones
    groups = task_affinity(given.X, given.y, task=given.task).groups()
    assert groups.exact == (n_tasks <= 12)
    together = groups.labels[:, None] == groups.labels
    assert ((crowd[:, None] == crowd) == together).mean() > 0.9
    assert str(groups).startswith(f"{n_tasks} tasks in {groups.n_groups} groups: the held-out loss is ")
    assert groups.frame()["group"].max() + 1 == groups.n_groups


def test_alike_tasks_make_one_group_and_strangers_many():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((400, 4)), np.repeat(np.arange(8), 50)
    noise = rng.standard_normal(400)
    assert task_affinity(X, X.sum(axis=1) + noise, task=task).groups().n_groups == 1
    strange = 2 * rng.standard_normal((8, 4))
    assert task_affinity(X, (X * strange[task]).sum(axis=1) + noise, task=task).groups().n_groups >= 7


def test_moves_and_exchanges_mend_a_bad_start():
    given = make_crowds(80, 4, n_tasks=12, own=0.0)
    moments = working_rows(TaskData.from_arrays(given.X, given.y, given.task))[0].moments()
    start = np.arange(12) // 4
    after = _improved(moments, start, 5.0)
    before, now = ([np.flatnonzero(labels == g).tolist() for g in np.unique(labels)] for labels in (start, after))
    assert _cost(moments, now, 5.0) < 0.8 * _cost(moments, before, 5.0)


@pytest.mark.parametrize("shape", [(40, 5), (15, 30)])
def test_log_evidence_is_the_largest_evidence_of_a_normal_model(shape):
    rng = np.random.default_rng(0)
    F = rng.standard_normal(shape)
    y = F[:, 0] + 0.5 * rng.standard_normal(shape[0])

    def negative(logs):
        covariance = np.exp(-logs[0]) * F @ F.T + np.exp(-logs[1]) * np.eye(len(y))
        return -stats.multivariate_normal(np.zeros(len(y)), covariance).logpdf(y)

    best = optimize.minimize(negative, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    assert log_evidence(F, y, max_iter=5000) == pytest.approx(-best.fun / len(y), abs=1e-5)


def test_log_evidence_ranks_features_for_classes():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=150)
    good = np.eye(3)[y] + 0.3 * rng.standard_normal((150, 3))
    assert log_evidence(good, y) > log_evidence(rng.standard_normal((150, 3)), y)
    assert log_evidence(good, np.array(["a", "b", "c"])[y]) == pytest.approx(log_evidence(good, y))

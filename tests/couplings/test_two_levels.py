from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import crosstask as ct
from crosstask.couplings import MeanTied, TwoLevels
from crosstask.datasets import make_related_tasks

RNG = np.random.default_rng(0)
REGION = {"a": "north", "b": "north", "c": "north", "d": "south", "e": "south", "f": "west"}
N, D = 15, 3
X = RNG.normal(size=(N * 6, D))
TASK = np.repeat(list(REGION), N)
Y = X @ [1.0, -1.0, 0.5] + RNG.normal(size=N * 6)


@pytest.mark.parametrize(("between", "centre_weight"), [(0.5, 1.0), (2.0, 0.0), (1.0, 0.3)])
def test_a_dense_solve_over_tasks_groups_and_centre(between, centre_weight):
    """All of w_t, u_g, w_0 and the intercepts as one least-squares problem of ridge rows."""
    alpha, names = 0.07, sorted(set(REGION.values()))
    n_slopes = (6 + 3 + 1) * D
    place = {("task", t): i for i, t in enumerate(REGION)} | {("group", g): 6 + i for i, g in enumerate(names)}
    rows, target = np.zeros((len(Y), n_slopes + 6)), Y / np.sqrt(len(Y))
    for i, task in enumerate(TASK):
        t = place["task", task]
        rows[i, t * D : (t + 1) * D], rows[i, n_slopes + t] = X[i], 1.0
    pulls = [(place["task", t], place["group", g], 1.0) for t, g in REGION.items()]
    pulls += [(place["group", g], 9, between) for g in names] + [(9, None, centre_weight)]
    ridge = []
    for one, other, weight in pulls:
        for j in range(D):
            row = np.zeros(n_slopes + 6)
            row[one * D + j] = np.sqrt(alpha * weight)
            if other is not None:
                row[other * D + j] = -np.sqrt(alpha * weight)
            ridge.append(row)
    system = np.vstack([rows / np.sqrt(len(Y)), *ridge])
    answer = np.linalg.lstsq(system, np.concatenate([target, np.zeros(len(ridge))]), rcond=None)[0]
    coupling = TwoLevels(REGION, between=between, centre_weight=centre_weight)
    model = ct.MultiTaskRegressor(coupling, alpha=alpha, standardize=False, tol=1e-12).fit(X, Y, task=TASK)
    assert_allclose(model.coef_, answer[: 6 * D].reshape(6, D), atol=1e-5)
    assert_allclose(model.group_centres_, answer[6 * D : 9 * D].reshape(3, D), atol=1e-5)
    assert_allclose(model.shared_coef_, answer[9 * D : n_slopes], atol=1e-5)
    assert_allclose(model.intercept_, answer[n_slopes:], atol=1e-5)


def test_one_group_and_groups_that_cannot_part_are_mean_tied():
    V = RNG.normal(size=(5, 4))
    assert TwoLevels([0, 1, 0, 1, 1], between=1e9).value(V) == pytest.approx(MeanTied(1.0).value(V), rel=1e-6)
    apart = TwoLevels([0, 0, 1, 1, 1], between=0.0, centre_weight=0.0)
    assert apart.value(V) == pytest.approx(MeanTied().value(V[:2]) + MeanTied().value(V[2:]))
    assert_allclose(apart.prox(V, 0.4), np.vstack([MeanTied().prox(V[:2], 0.4), MeanTied().prox(V[2:], 0.4)]))


def test_in_the_guard_it_wins_where_regions_differ():
    regions = {f"s{k}": f"r{k % 4}" for k in range(16)}
    rng = np.random.default_rng(1)
    centre = {g: 2.0 * rng.normal(size=5) for g in set(regions.values())}
    slopes = np.stack([centre[g] + 0.1 * rng.normal(size=5) for g in regions.values()])
    rows, task = rng.normal(size=(16 * 10, 5)), np.repeat(list(regions), 10)
    y = np.einsum("ij,ij->i", rows, np.repeat(slopes, 10, axis=0)) + rng.normal(size=160)
    candidates = [
        ("own", ct.MultiTaskRegressor("independent", n_alphas=6)),
        ("tied", ct.MultiTaskRegressor("mean_tied", n_alphas=6)),
        ("regions", ct.MultiTaskRegressor(TwoLevels(regions, between=0.1), n_alphas=6)),
    ]
    guard = ct.TransferGuard(candidates, cv=3, random_state=0).fit(rows, y, task=task)
    assert guard.weights_["regions"].mean() > 0.5
    losses = guard.candidate_losses_.mean()
    assert losses["regions"] < 0.8 * losses["tied"]


def test_a_flagship_takes_it_and_a_file_holds_it(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("uvw")).assign(shop=TASK)
    candidates = [("regions", ct.MultiTaskRegressor(TwoLevels(pd.Series(REGION)), alpha=0.1))]
    model = ct.CrossTaskRegressor(candidates, task_column="shop", cv=3, random_state=0).fit(frame, Y)
    assert list(model.weights_.columns) == ["own", "regions"]
    plain = ct.MultiTaskRegressor(TwoLevels(REGION), alpha=0.1, task_column="shop").fit(frame, Y)
    again = ct.load(ct.save(plain, tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict(frame), plain.predict(frame))


@pytest.mark.parametrize(
    ("coupling", "said"),
    [
        (TwoLevels(), "groups are none"),
        (TwoLevels({"a": 1}), "names no group for 'b', 'c', 'd', 'e', 'f'"),
        (TwoLevels([1, 2]), "2 groups are given for 6 tasks"),
        (TwoLevels(REGION, between=-1.0), "between=-1.0 must be zero or positive"),
    ],
    ids=str,
)
def test_groups_that_are_none_are_refused(coupling, said):
    with pytest.raises(ValueError, match=said):
        ct.MultiTaskRegressor(coupling, alpha=0.1).fit(X, Y, task=TASK)


@pytest.mark.parametrize("make", [pd.Series, lambda groups: pd.Series(groups, dtype="category"), dict])
@pytest.mark.parametrize("ids", [["a", "b", "c", "d"], [1, 2, 3, 4]])
def test_a_model_with_named_groups_is_saved(make, ids, tmp_path):
    data = make_related_tasks(n_tasks=4, n_rows=20, random_state=0)
    task = np.array(ids)[np.unique(data.task, return_inverse=True)[1]]
    groups = make(dict(zip(np.unique(task), ["n", "n", "s", "s"], strict=True)))
    model = ct.MultiTaskRegressor(ct.TwoLevels(groups), alpha=0.1).fit(data.X, data.y, task=task)
    again = ct.load(ct.save(model, tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict(data.X, task=task), model.predict(data.X, task=task))
    np.testing.assert_array_equal(again.fit(data.X, data.y, task=task).coef_, model.coef_)
    assert type(model.coupling.groups) is type(groups), "the caller's own groups stay as they are"

"""What a fit will take is said before it is made, and compared with what came."""

from __future__ import annotations

import re
from time import perf_counter

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from crosstask import CrossTaskRegressor, MultiTaskRegressor, TransferGuard, load, plan, save
from crosstask.advisor import _plan
from crosstask.allocation import _machine
from crosstask.auto import _flagship
from crosstask.guard import _pace, _planning
from crosstask.multitask import IndependentTasks, PooledTasks


def _table(n_tasks=6, n=40, d=4):
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((n_tasks * n, d)), np.repeat([f"shop {t}" for t in range(n_tasks)], n)
    return X, X.sum(axis=1) + rng.standard_normal(len(X)), task


GUARD = TransferGuard([("own", IndependentTasks(Ridge())), ("pooled", PooledTasks(Ridge()))], cv=3, random_state=0)


def test_every_candidate_meets_every_fold_and_all_rows():
    X, y, task = _table()
    made = plan(GUARD, X, y, task=task)
    frame = made.frame()
    assert sorted(zip(frame["method"], frame["fold"], strict=True)) == sorted(
        (name, fold) for name in ("own", "pooled") for fold in (-1, 0, 1, 2)
    )
    assert set(frame["rows"]) == {160, 240}
    assert frame["seconds"].is_monotonic_decreasing
    assert re.fullmatch(r"6 tasks, 8 fits, 1 worker, about [\d.]+ s, [\d.]+ GB", made.first_line)
    assert "no network" in str(made)
    assert made.outcome == ""


def test_carrying_it_out_is_the_fit_and_tells_what_it_took():
    X, y, task = _table()
    model = CrossTaskRegressor([Ridge()], cv=3, random_state=0)
    made = plan(model, X, y, task=task)
    fitted = made.fit()
    assert not hasattr(model, "guard_")
    assert_array_equal(fitted.predict(X, task=task), clone(model).fit(X, y, task=task).predict(X, task=task))
    table = made.compare()
    assert (table["fits"] == table["made"]).all()
    assert (table["actual_seconds"] > 0).all()
    assert made.actual_memory > 1e7
    assert "expected" in made.outcome
    assert fitted.plan_.outcome == made.outcome
    with pytest.raises(ValueError, match="was carried out already"):
        fitted.plan_.fit()


def test_a_time_budget_makes_a_plan_of_its_own_which_is_saved_with_the_model(tmp_path):
    X, y, task = _table(n=80)
    model = CrossTaskRegressor([Ridge()], cv=3, random_state=0, time_budget=60).fit(X, y, task=task)
    assert {"Ridge, own", "Ridge, pooled"} <= set(model.plan_.compare()["method"])
    again = load(save(model, tmp_path / "model.skops"))
    assert str(again.plan_) == str(model.plan_)
    assert CrossTaskRegressor([Ridge()], cv=3).fit(X, y, task=task).plan_ is None


def test_a_budget_does_not_run_out_while_somebody_reads_the_plan(monkeypatch):
    ahead = [0.0]
    for module in (_plan, _pace, _flagship):
        monkeypatch.setattr(module, "perf_counter", lambda: perf_counter() + ahead[0])
    X, y, task = _table()
    coming = plan(CrossTaskRegressor([Ridge()], cv=3, random_state=0, time_budget=300), X, y, task=task)
    ahead[0] = 1000.0
    model = coming.fit()
    assert not {"left-out", "fewer-folds", "over-budget"} & {code for code, _ in model.findings_}
    assert model.training_summary_["seconds"]["all"] < 1000.0


def test_memory_grows_with_the_rows_as_it_is_allocated():
    """K nearest neighbours by brute force hold all distances; 1600 rows against 6400 are traced, 12800 foretold."""
    from crosstask.allocation._pilot import forecast_all, pilot_bytes

    class Distances(KNeighborsRegressor):
        def fit(self, X, y, task=None):
            np.zeros((len(X), len(X)))
            return super().fit(X, y)

    rng = np.random.default_rng(0)
    X, y, task = rng.standard_normal((4000, 2)), rng.standard_normal(4000), np.repeat(np.arange(8), 500)
    told = forecast_all([("square", Distances()), ("line", Ridge_())], X, y, task, n=4000).memory
    assert told["square"] == pytest.approx(8 * 4000**2, rel=0.05)
    assert told["line"] == pytest.approx(pilot_bytes(Ridge_(), X, y, task, 4000), rel=0.3)


class Ridge_(Ridge):
    def fit(self, X, y, task=None):
        return super().fit(np.repeat(X, 20, axis=1), y)


def test_what_does_not_fit_in_memory_is_left_out_or_refused_before_it_starts(monkeypatch):
    X, y, task = _table()

    def told(models, *_args, **_kwargs):
        return _planning.Forecast({name: 1.0 for name, _ in models}, {name: sizes[name] for name, _ in models})

    monkeypatch.setattr(_planning, "forecast_all", told)
    guard = clone(GUARD).set_params(core=["own"])
    sizes = {"own": 1e6, "pooled": 3e9}
    made = plan(guard, X, y, task=task, memory_limit=2)
    assert made.left_out == [("pooled", "a fit needs about 3 GB, and there are 2")]
    fitted = made.fit()
    assert list(fitted.candidates_) == ["own"]
    assert fitted.dropped_ == [("pooled", 0, "a fit needs about 3 GB, and there are 2")]

    sizes = {"own": 3e9, "pooled": 1e6}
    made = plan(guard, X, y, task=task, memory_limit=2)
    with pytest.raises(MemoryError, match="'own' is always compared, and a fit needs about 3 GB"):
        made.fit()
    assert made.spent == []


def test_a_network_goes_to_the_gpu_where_there_is_one(monkeypatch):
    class Net(MultiTaskRegressor):
        def __init__(self, coupling="pooled", *, alpha=1.0, device="auto", unseen_task="error", random_state=None):
            super().__init__(coupling, alpha=alpha, unseen_task=unseen_task, random_state=random_state)
            self.device = device

    X, y, task = _table()
    for gpu, device, reason in ((None, "processor", "has no GPU"), ("H9000", "H9000", "has a GPU")):
        monkeypatch.setattr(_planning, "accelerator", lambda gpu=gpu: gpu)
        frame = plan(TransferGuard([*GUARD.candidates, ("net", Net())], cv=2), X, y, task=task).frame()
        net, ridge = frame[frame["method"] == "net"], frame[frame["method"] == "own"]
        assert (set(net["device"]), set(ridge["device"])) == ({device}, {"processor"})
        assert net["reason"].str.contains(reason).all()


def test_the_memory_that_is_free_heeds_the_container(monkeypatch, tmp_path):
    monkeypatch.setattr(_machine, "CGROUP", tmp_path)
    plain = _machine.free_bytes()
    for name, value in (("memory.max", "5000"), ("memory.current", "2000")):
        (tmp_path / name).write_text(f"{value}\n")
    assert _machine.free_bytes() == 3000
    (tmp_path / "memory.stat").write_text("active_file 300\ninactive_file 1500\n")  # a table that was read
    assert _machine.free_bytes() == 4500
    (tmp_path / "memory.max").write_text("max\n")
    assert _machine.free_bytes() == pytest.approx(plain, rel=0.5)
    monkeypatch.setattr(_machine, "MEMINFO", tmp_path / "none")
    assert _machine.free_bytes() > 0


@pytest.mark.parametrize(
    ("model", "options", "error", "words"),
    [
        (Ridge(), {}, TypeError, r"not Ridge: give it TransferGuard\(\[\('mine', your_model\)\]\)"),
        (GUARD, {"memory_limit": 0}, ValueError, "memory_limit=0 must be a number of gigabytes above 0"),
        (GUARD, {"memory_limit": "4GB"}, ValueError, "memory_limit='4GB' must be"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_one_line(model, options, error, words):
    X, y, task = _table(n=10)
    with pytest.raises(error, match=words):
        plan(model, X, y, task=task, **options)

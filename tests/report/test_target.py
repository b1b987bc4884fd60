"""The page of one target: target only, pooled and transferred side by side, always."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from crosstask import CrossTaskRegressor, EasyAdapt, IndependentTasks, PooledTasks, TransferGuard, TransferToEach
from crosstask.datasets import make_related_tasks
from crosstask.report import collect_target, render_target
from crosstask.transfer import PriorRegressor, SourceStacking, TransGLMRegressor

OWN, POOLED = ("own", IndependentTasks(Ridge())), ("pooled", PooledTasks(Ridge()))


@pytest.fixture(scope="module")
def tasks():
    return make_related_tasks(3, [60, 60, 20], 6, relatedness=0.9, random_state=0)


@pytest.fixture(scope="module")
def guard(tasks):
    transferred = [
        ("prior", TransferToEach(PriorRegressor(n_alphas=5, cv=3), Ridge())),
        ("glm", TransferToEach(TransGLMRegressor(n_alphas=5, cv=3))),
        ("stack", TransferToEach(SourceStacking(cv=3), Ridge())),
    ]
    return TransferGuard([*transferred, POOLED, OWN], cv=3, random_state=0).fit(tasks.X, tasks.y, task=tasks.task)


def test_the_page_holds_what_the_guard_found(guard):
    found = collect_target(guard, 2)
    assert [way.kind for way in found.ways] == ["target only", "pooled", *["transferred"] * 3, "guarded"]
    for way in found.ways[:-1]:
        assert way.loss == guard.candidate_losses_.loc[2, way.name]
        assert way.weight == guard.weights_.loc[2, way.name]
    assert found.ways[-1].loss == guard.gain_["guarded_loss"][2]
    facts = {name: value for name, value, _ in found.facts}
    assert float(facts["transferred"]) == pytest.approx(
        guard.candidate_losses_.loc[2, ["prior", "glm", "stack"]].min(), rel=0.01
    )
    best = found.scale.at(min(way.loss for way in found.ways))
    assert all(best <= found.scale.at(way.loss) for way in found.ways)


def test_every_source_is_there_with_what_each_method_made_of_it(guard):
    found = collect_target(guard, 2)
    each = guard.candidates_["prior"].estimators_[2]
    assert [(source.name, source.rows) for source in found.sources] == [("0", 60), ("1", 60)]
    for k, source in enumerate(found.sources):
        assert f"prior: strength {each.strength_[k]:.2f}" in source.said
        assert f"stack: weight {guard.candidates_['stack'].estimators_[2].weights_[k]:.2f}" in source.said
        assert "glm: kept: its loss" in source.said or "glm: left out" in source.said


def test_what_was_not_compared_is_named(tasks, tmp_path):
    guard = TransferGuard([OWN, ("easy", EasyAdapt(Ridge()))], cv=3, random_state=0)
    path = guard.fit(tasks.X, tasks.y, task=tasks.task).report(tmp_path / "page.html", target_task=0)
    page = path.read_text()
    assert page.count("not compared") == 2
    assert "add (&#34;pooled&#34;, PooledTasks(..))" in page
    assert "add (&#34;transferred&#34;, TransferToEach(..))" in page
    with pytest.raises(FileExistsError):
        guard.report(path, target_task=0)


def test_the_headline_says_what_the_interval_says(guard):
    from dataclasses import replace

    found = collect_target(guard, 2)
    said = {
        ("share", 0.1, 0.3): "2 gains: it should learn from the others.",
        ("blend", -0.1, 0.3): "2 may blend its own model with the others': no gain is sure.",
        ("share", -0.3, -0.1): "2 loses by sharing.",
        ("alone", -0.1, 0.1): "2 is protected: its own model predicts.",
        ("borrowed", np.nan, np.nan): "2 has too few rows for a verdict of its own, and borrows from the others.",
    }
    for (code, low, high), words in said.items():
        assert replace(found, code=code, low=low, high=high).headline == words
    assert "<script" not in render_target(found)


def test_the_flagship_has_the_page_too(tasks, tmp_path):
    model = CrossTaskRegressor(candidates=["own", "pooled", "transfer to each"], random_state=0)
    model.fit(tasks.X, tasks.y, task=tasks.task)
    found = collect_target(model, 1)
    assert [way.kind for way in found.ways] == ["target only", "pooled", "transferred", "guarded"]
    assert all("of all together" in source.said for source in found.sources)
    assert "transfer to each" in model.report(tmp_path / "page.html", target_task=1).read_text()


def test_a_task_that_is_not_there_is_one_line(guard):
    with pytest.raises(ValueError, match="target_task=7 is none of the tasks: give one of 0, 1 and 2"):
        collect_target(guard, 7)

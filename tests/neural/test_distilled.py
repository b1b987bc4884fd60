"""Students of other models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from tests.neural.problems import quadrants, waves

import crosstask as ct
from crosstask.neural import Distilled, MultiTaskMLPClassifier, MultiTaskMLPRegressor


def test_a_student_follows_its_teacher():
    X, y, task = waves()
    forest = RandomForestRegressor(20, min_samples_leaf=3, random_state=0)
    student = MultiTaskMLPRegressor((32,), learning_rate_init=0.01, max_epochs=80)
    lines = ct.IndependentTasks(Ridge())
    model = Distilled(lines, student, mix=1.0).fit(X, y, task=task)
    assert np.corrcoef(model.predict(X, task=task), model.teacher_answers_)[0, 1] > 0.9
    apart = Distilled(forest, student, mix=0.0).fit(X, y, task=task)
    plain = clone(student).fit(X, y, task=task)
    np.testing.assert_array_equal(apart.predict(X, task=task), plain.predict(X, task=task))


def test_a_student_of_soft_labels(tmp_path):
    X, y, task = quadrants()
    student = MultiTaskMLPClassifier((32,), learning_rate_init=0.01, max_epochs=60)
    model = Distilled(RandomForestClassifier(20, random_state=0), student, mix=0.3, unseen_task="mean")
    model.fit(X, y, task=task)
    assert model.score(X, y, task=task) > 0.75
    np.testing.assert_allclose(model.teacher_answers_.sum(axis=1), 1.0)
    assert np.isfinite(model.predict_proba(X[:2], task=[9, 9])).all()
    again = ct.load(ct.save(model, tmp_path / "student.skops"))
    np.testing.assert_array_equal(again.predict(X, task=task), model.predict(X, task=task))
    assert not hasattr(Distilled(Ridge()), "predict_proba")
    for change, message in (
        ({"mix": 2.0}, "mix=2.0"),
        ({"temperature": 0.0}, "temperature"),
        ({"student": MultiTaskMLPRegressor()}, "this teacher needs a MultiTaskMLPClassifier"),
    ):
        with pytest.raises(ValueError, match=message):
            Distilled(LogisticRegression()).set_params(**change).fit(X, y)


def test_what_a_teacher_cannot_be_asked():
    X, y, task = waves(n_rows=20)
    student = MultiTaskMLPRegressor((8,), max_epochs=2)
    with pytest.raises(ValueError, match="cv=1 must be at least 2"):
        Distilled(Ridge(), student, cv=1).fit(X, y)
    with pytest.raises(ValueError, match="X has one row"):
        Distilled(Ridge(), student).fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="y holds one class"):
        Distilled(LogisticRegression(), MultiTaskMLPClassifier((8,), max_epochs=2)).fit(
            X, np.full(60, "ill"), task=task
        )


def test_a_teacher_with_a_task_column_and_tasks_of_one_row():
    X, y, task = waves(n_rows=20)
    frame = pd.DataFrame(X, columns=list("abc")).assign(site=task)
    frame.loc[0, "site"] = 9
    student = MultiTaskMLPRegressor((8,), max_epochs=3)
    teacher = ct.MultiTaskRegressor("mean_tied", alpha=0.1, task_column="site")
    model = Distilled(teacher, student, task_column="site").fit(frame, y)
    assert y[0] in model.teacher_answers_  # the only row of site 9 keeps its label
    assert np.isfinite(model.predict(frame)).all()

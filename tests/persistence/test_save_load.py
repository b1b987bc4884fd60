"""A model comes back as it went, and nothing else comes in."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR

from crosstask.persistence import UntrustedTypesError, VersionMismatchWarning, describe, load, save
from crosstask.persistence._card import CARD


def _data(classification: bool) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    z = X @ [1.0, -2.0, 0.0, 0.5] + rng.normal(size=120)
    return X, (np.where(z > 0, "ill", "well") if classification else z)


class Foreign(RegressorMixin, BaseEstimator):
    """An estimator of somebody else."""

    def fit(self, X: Any, y: Any) -> Foreign:
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.mean_)


@pytest.mark.parametrize(
    "estimator",
    [
        Ridge(),
        LogisticRegression(),
        make_pipeline(SimpleImputer(), StandardScaler(), Ridge()),
        HistGradientBoostingRegressor(max_iter=5),
        HistGradientBoostingClassifier(max_iter=5),
        RandomForestRegressor(n_estimators=3, random_state=0),
        GradientBoostingClassifier(n_estimators=3),
        MLPRegressor(hidden_layer_sizes=3, max_iter=20, solver="lbfgs"),
    ],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.filterwarnings("ignore:.*failed to converge")
def test_predictions_survive(estimator: Any, tmp_path: Path) -> None:
    from sklearn.base import is_classifier

    X, y = _data(is_classifier(estimator))
    estimator.fit(X, y)
    again = load(save(estimator, tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict(X), estimator.predict(X))
    if is_classifier(estimator):
        np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))


def test_boosting_with_a_category_survives(tmp_path: Path) -> None:
    X, y = _data(classification=False)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["site"] = pd.Categorical(np.where(X[:, 0] + np.arange(120) % 3 > 1, "north", "south"))
    model = HistGradientBoostingRegressor(max_iter=5, categorical_features="from_dtype").fit(frame, y)
    again = load(save(model, tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))


def test_the_card_is_readable_and_holds_no_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(50, 2)), columns=["age", "weight"])
    model = Ridge().fit(frame, frame["age"] * 2)
    path = save(model, tmp_path / "model.skops")
    card = describe(path)
    assert [column["name"] for column in card["columns"]] == ["age", "weight"]
    assert card["keeps_training_rows"] == []
    assert {"crosstask", "scikit-learn", "numpy", "python"} <= set(card["versions"])
    with ZipFile(path) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist())
    assert str(frame["age"].iloc[0]).encode() not in text
    assert frame["age"].to_numpy().tobytes() not in text


@pytest.mark.parametrize("estimator", [KNeighborsRegressor(), SVR()], ids=lambda e: type(e).__name__)
def test_an_estimator_that_keeps_rows_is_named(estimator: Any, tmp_path: Path) -> None:
    X, y = _data(classification=False)
    model = make_pipeline(StandardScaler(), estimator).fit(X, y)
    with pytest.warns(UserWarning, match=f"holds rows of the training data, for {type(estimator).__name__}"):
        path = save(model, tmp_path / "model.skops")
    assert describe(path)["keeps_training_rows"] == [type(estimator).__name__]


def test_unknown_types_are_refused_by_name_and_admitted_by_name(tmp_path: Path) -> None:
    X, y = _data(classification=False)
    path = save(Foreign().fit(X, y), tmp_path / "model.skops")
    with pytest.raises(UntrustedTypesError) as refusal:
        load(path)
    name = f"{Foreign.__module__}.Foreign"
    assert refusal.value.types == [name]
    assert f"trusted=['{name}']" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_function_of_ours_is_not_a_known_type(tmp_path: Path) -> None:
    from crosstask.tasks import n_rows

    X, _ = _data(classification=False)
    path = save(FunctionTransformer(n_rows, validate=True).fit(X), tmp_path / "model.skops")
    with pytest.raises(UntrustedTypesError, match=r"crosstask\.tasks\._frames\.n_rows"):
        load(path)


def test_lightgbm_is_named_and_can_be_admitted(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    X, y = _data(classification=False)
    model = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1).fit(pd.DataFrame(X, columns=list("abcd")), y)
    path = save(model, tmp_path / "model.skops")
    with pytest.raises(UntrustedTypesError) as refusal:
        load(path)
    assert "lightgbm.sklearn.LGBMRegressor" in refusal.value.types
    again = load(path, trusted=refusal.value.types)
    frame = pd.DataFrame(X, columns=list("abcd"))
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))


def test_other_versions_are_said_once(tmp_path: Path) -> None:
    X, y = _data(classification=False)
    path = save(make_pipeline(StandardScaler(), Ridge()).fit(X, y), tmp_path / "model.skops")
    other = tmp_path / "old.skops"
    with ZipFile(path) as source, ZipFile(other, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == CARD:
                card = json.loads(content)
                card["versions"]["scikit-learn"] = "1.6.0"
                content = json.dumps(card).encode()
            target.writestr(name, content)
    with pytest.warns(VersionMismatchWarning, match=r"saved with scikit-learn 1\.6\.0 \(here ") as said:
        load(other)
    assert len(said) == 1


def test_same_versions_say_nothing(tmp_path: Path) -> None:
    X, y = _data(classification=False)
    path = save(Ridge().fit(X, y), tmp_path / "model.skops")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(path)


def test_what_is_not_fitted_or_not_storable_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    with pytest.raises(NotFittedError):
        save(Ridge(), path)
    X, _ = _data(classification=False)
    keeper = FunctionTransformer().fit(X)
    keeper.stream_ = (row for row in X)
    with pytest.raises(TypeError, match="cannot be saved, for it holds something that only pickle could store"):
        save(keeper, path)
    assert list(tmp_path.iterdir()) == []

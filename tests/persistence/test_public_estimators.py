"""Every public estimator comes back from its file with the same predictions, and with nothing that it need not hold."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, is_classifier
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from tests.transfer import from_rows

import crosstask as ct
from crosstask.persistence import describe, load, save

Maker = Callable[[], Any]


def _table(classification: bool, n_classes: int = 2) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(3)
    n = 90
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["age", "dose", "load"])
    z = X["age"] - 0.5 * X["dose"] + rng.normal(size=n)
    X.insert(0, "site", np.tile(["017", "b", "c"], n // 3))
    if not classification:
        return X, z.rename("score")
    labels = np.array(["ill", "so-so", "well"])[:n_classes]
    return X, pd.Series(labels[np.digitize(z, np.quantile(z, np.arange(1, n_classes) / n_classes))], name="state")


def _linear(classification: bool, **options: Any) -> Any:
    kind: Any = ct.MultiTaskClassifier if classification else ct.MultiTaskRegressor
    return kind(alpha=0.05, task_column="site", **options)


def _source(classification: bool) -> Any:
    X, y = _table(classification)
    base: Any = LogisticRegression() if classification else Ridge()
    return base.fit(X.drop(columns="site"), y)


MAKERS: dict[str, Maker] = {
    **{
        f"{'Classifier' if c else 'Regressor'} {name}": lambda c=c, name=name: _linear(c, coupling=name)
        for c in (False, True)
        for name in ("independent", "pooled", "mean_tied", "feature_norm", "robust_centre", "clustered")
    },
    "auto alpha": lambda: ct.MultiTaskRegressor(task_column="site", n_alphas=4),
    "IndependentTasks": lambda: ct.IndependentTasks(Ridge(), task_column="site"),
    "PooledTasks": lambda: ct.PooledTasks(LogisticRegression(), task_column="site"),
    "PooledTasks category": lambda: ct.PooledTasks(
        HistGradientBoostingRegressor(max_iter=5), encode_task="category", task_column="site"
    ),
    **{
        f"boosting {start}, {'classes' if c else 'numbers'}": lambda c=c, start=start: (
            ct.MultiTaskBoostingClassifier if c else ct.MultiTaskBoostingRegressor
        )(start=start, max_iter=10, min_task_rows=20, task_column="site")
        for c in (False, True)
        for start in ("linear", "none")
    },
    "TransferToEach": lambda: ct.TransferToEach(ct.PriorRegressor(), Ridge(), task_column="site"),
    "EasyAdapt": lambda: ct.EasyAdapt(LogisticRegression(), task_column="site"),
    "DescribedTasks": lambda: ct.DescribedTasks(_linear(False), task_column="site"),
    "EncodedTasks": lambda: ct.EncodedTasks(_linear(False), task_column="site"),
    "GroupedTasks": lambda: ct.GroupedTasks(ct.MultiTaskRegressor("pooled", alpha=0.1), task_column="site"),
    "TransferGuard": lambda: ct.TransferGuard(
        [("own", _linear(False, coupling="independent").set_params(task_column=None)), ("pooled", Ridge())],
        task_column="site",
        random_state=0,
    ),
}


def same_answers(model: Any, again: Any, X: Any) -> None:
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    if is_classifier(model):
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert repr(again) == repr(model)


@pytest.mark.parametrize("name", MAKERS)
def test_predictions_survive(name: str, tmp_path: Path) -> None:
    model = MAKERS[name]()
    X, y = _table(is_classifier(model))
    model.fit(X, y)
    path = save(model, tmp_path / "model.skops")
    same_answers(model, load(path), X)
    card = describe(path)
    assert card["tasks"] == ["017", "b", "c"]
    assert card["task_type"] == "text"
    assert card["task_column"] == "site"
    assert [column["name"] for column in card["columns"]][-3:] == ["age", "dose", "load"]
    assert card["keeps_training_rows"] == []


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("classification", [False, True])
def test_support_vector_machines_say_that_they_keep_rows(classification: bool, kernel: str, tmp_path: Path) -> None:
    kind: Any = ct.MultiTaskSVC if classification else ct.MultiTaskSVR
    X, y = _table(classification, n_classes=3)
    model = kind(kernel, sharing=0.5, task_column="site").fit(X, y)
    with warnings.catch_warnings():
        warnings.filterwarnings("error" if kernel == "linear" else "ignore", ".*holds rows of the training data")
        path = save(model, tmp_path / "model.skops")
    np.testing.assert_array_equal(load(path).predict(X), model.predict(X))
    assert describe(path)["keeps_training_rows"] == ([] if kernel == "linear" else ["KernelMachine"])


def test_a_gaussian_process_says_that_it_keeps_rows(tmp_path: Path) -> None:
    X, y = _table(classification=False)
    model = ct.MultiTaskGPRegressor(rank=1, n_restarts=0, task_column="site").fit(X, y)
    with pytest.warns(UserWarning, match="holds rows of the training data"):
        path = save(model, tmp_path / "model.skops")
    np.testing.assert_array_equal(load(path).predict(X, return_std=True), model.predict(X, return_std=True))
    assert describe(path)["keeps_training_rows"] == ["Posterior"]


@pytest.mark.parametrize("classification", [False, True])
def test_three_classes_and_transfer_survive(classification: bool, tmp_path: Path) -> None:
    kinds: Any = (
        (ct.PriorClassifier, ct.FineTunedClassifier) if classification else (ct.PriorRegressor, ct.FineTunedRegressor)
    )
    X, y = _table(classification)
    X = X.drop(columns="site")
    for kind in kinds:
        model = kind(_source(classification)).fit(X, y)
        same_answers(model, load(save(model, tmp_path / f"{kind.__name__}.skops")), X)
    if classification:
        X, y = _table(classification, n_classes=3)
        model = _linear(True).fit(X, y)
        same_answers(model, load(save(model, tmp_path / "three.skops")), X)


@pytest.mark.slow
@pytest.mark.parametrize("classification", [False, True])
@pytest.mark.parametrize("candidates", ["default", "linear"])
def test_the_flagship_survives_without_a_row_of_the_table(
    classification: bool, candidates: str, tmp_path: Path
) -> None:
    X, y = _table(classification)
    X = X.assign(colour=np.tile(["red", "green", None], 30), born=pd.Timestamp("2020-01-01"))
    X["born"] += pd.to_timedelta(np.arange(len(X)), unit="D")
    kind: Any = ct.CrossTaskClassifier if classification else ct.CrossTaskRegressor
    model = kind(candidates, task_column="site", random_state=0).fit(X, y)
    path = model.save(tmp_path / "model.skops")
    again = load(path)
    same_answers(model, again, X)
    pd.testing.assert_frame_equal(again.gain_, model.gain_)
    assert again.findings_ == model.findings_
    assert again.training_summary_ == model.training_summary_
    assert str(again.verdict_) == str(model.verdict_)
    card = describe(path)
    assert card["training"]["n_rows"] == 90
    assert card["keeps_training_rows"] == []
    with ZipFile(path) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    for value in X["age"][:10]:
        assert repr(float(value)).encode() not in content
        assert np.float64(value).tobytes() not in content


def test_serving_needs_no_numba_matplotlib_or_jinja2(tmp_path: Path) -> None:
    X, y = _table(classification=True)
    path = save(_linear(True).fit(X, y), tmp_path / "model.skops")
    X.head(3).to_csv(tmp_path / "rows.csv", index=False)
    code = (
        "import sys\n"
        "sys.modules['dask'] = None  # skops looks through what is installed, and dask imports jinja2\n"
        "import pandas as pd, crosstask as ct\n"
        "model = ct.load(sys.argv[1])\n"
        "model.predict(pd.read_csv(sys.argv[2], dtype={'site': str}))\n"
        "print(sorted({'numba', 'matplotlib', 'jinja2', 'typer'} & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path / "rows.csv")], capture_output=True, text=True, check=False
    )
    assert answer.stdout.strip() == "[]", answer.stderr


def test_every_public_estimator_is_tried_here() -> None:
    tried = {
        *(
            "MultiTaskBoostingClassifier",
            "MultiTaskBoostingRegressor",
            "MultiTaskSVC",
            "MultiTaskSVR",
            "MultiTaskGPRegressor",
        ),
        *("MultiTaskRegressor", "MultiTaskClassifier", "IndependentTasks", "PooledTasks", "EasyAdapt", "GroupedTasks"),
        *("DescribedTasks", "EncodedTasks"),
        *(
            "TransferToEach",
            "OffsetTransfer",
            "SourceStacking",
            "ContinuedTraining",
        ),  # but the first in tests/transfer
        *("TransferForestRegressor", "TransferForestClassifier"),  # in tests/transfer
        *("TransferGuard", "PriorRegressor", "PriorClassifier", "FineTunedRegressor", "FineTunedClassifier"),
        *("CrossTaskRegressor", "CrossTaskClassifier"),
        *(
            type(made).__name__ for made in (*from_rows.TRANSFORMERS, *from_rows.ESTIMATORS, *from_rows.WEIGHTS)
        ),  # tests/transfer
        *("LabelledRows", "OptimalTransportMap"),  # the second is tried where POT is installed
        *("MultiTaskMLPRegressor", "MultiTaskMLPClassifier", "Distilled", "FrozenEncoder"),  # in tests/neural
        *("FineTunedNetRegressor", "FineTunedNetClassifier"),
    }
    public = {
        name
        for name in ct.__all__
        if isinstance(value := getattr(ct, name), type) and issubclass(value, BaseEstimator) and hasattr(value, "fit")
    }
    assert public == tried

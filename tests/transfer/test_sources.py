from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC, LinearSVR

from crosstask.transfer import KnownCoefficients, PriorClassifier, PriorRegressor, source_task
from crosstask.transfer._sources import read_sources
from crosstask.transfer._unwrap import linear_coefficients

N_FEATURES = 4


def _rows(seed: int = 0, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, N_FEATURES)) * [1.0, 10.0, 0.1, 3.0] + [0.0, 50.0, 1.0, -3.0]
    return X, X @ [1.0, -0.1, 5.0, 0.5] + rng.normal(size=n)


def _labels(n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    X, z = _rows()
    return X, np.digitize(z, np.quantile(z, np.arange(1, n_classes) / n_classes))


REGRESSORS = [
    Ridge(),
    LinearRegression(fit_intercept=False),
    Lasso(0.1),
    ElasticNet(0.1),
    make_pipeline(StandardScaler(), SGDRegressor(random_state=0)),
    make_pipeline(StandardScaler(), LinearSVR(random_state=0)),
    make_pipeline(StandardScaler(with_mean=False), Ridge()),
    make_pipeline(StandardScaler(with_std=False), "passthrough", Ridge()),
    make_pipeline(RobustScaler(), MinMaxScaler((-1, 3)), MaxAbsScaler(), Ridge()),
    make_pipeline(RobustScaler(with_centering=False, with_scaling=False), Ridge()),
    make_pipeline(make_pipeline(SimpleImputer(), StandardScaler()), make_pipeline(MinMaxScaler(), Lasso(0.01))),
    GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [0.1, 10.0]}, cv=3),
]


@pytest.mark.parametrize("model", REGRESSORS, ids=str)
def test_unwrapped_coefficients_predict_what_the_model_predicts(model):
    X, y = _rows()
    model = clone(model).fit(X, y)
    (read,) = read_sources(FrozenEstimator(model), X, None, False)
    new = _rows(seed=1)[0]
    constant = float(np.mean(model.predict(X) - X @ read.coef[0]))
    assert_allclose(new @ read.coef[0] + constant, model.predict(new), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=5000),
        RidgeClassifier(),
        LinearDiscriminantAnalysis(),
        SGDClassifier(loss="log_loss", random_state=0),
        LinearSVC(random_state=0),
    ],
    ids=str,
)
def test_unwrapped_classifiers_decide_what_the_model_decides(model, n_classes):
    X, y = _labels(n_classes)
    pipeline = make_pipeline(StandardScaler(), clone(model)).fit(X, y)
    coef, intercept = linear_coefficients(pipeline, "the source")
    new = _rows(seed=1)[0]
    expected = pipeline.decision_function(new).reshape(len(new), -1)
    assert_allclose(new @ coef.T + intercept, expected, rtol=1e-8, atol=1e-8)


def test_columns_are_matched_by_name_whatever_their_order():
    X, y = _rows()
    frame = pd.DataFrame(X, columns=list("abcd"))
    source = FrozenEstimator(make_pipeline(StandardScaler(), Ridge()).fit(frame, y))
    plain = PriorRegressor(source, alpha=0.5, strength=0.7).fit(frame, y)
    turned = PriorRegressor(source, alpha=0.5, strength=0.7).fit(frame[list("cadb")], y)
    assert_allclose(turned.coef_, plain.coef_[[2, 0, 3, 1]], rtol=1e-5)
    assert_allclose(turned.predict(frame[list("cadb")]), plain.predict(frame), rtol=1e-6)


def test_columns_that_a_source_does_not_know_start_at_zero():
    X, y = _rows()
    frame = pd.DataFrame(X, columns=list("abcd"))
    source = make_pipeline(StandardScaler(), Ridge()).fit(frame[["d", "b"]], y)
    taken = PriorRegressor(FrozenEstimator(source), alpha=np.inf, strength=1.0).fit(frame, y)
    assert_allclose(taken.coef_[[0, 2]], 0.0)
    raw = source[-1].coef_ / source[0].scale_
    assert_allclose(taken.coef_[[3, 1]], raw)
    by_hand = KnownCoefficients([0.0, raw[1], 0.0, raw[0]])
    plain = PriorRegressor(by_hand, random_state=0).fit(X, y)
    assert_allclose(PriorRegressor(FrozenEstimator(source), random_state=0).fit(frame, y).coef_, plain.coef_)


def test_columns_that_x_lacks_are_named_in_one_line():
    X, y = _rows()
    frame = pd.DataFrame(X, columns=list("abcd"))
    source = FrozenEstimator(Ridge().fit(frame, y))
    with pytest.raises(ValueError, match="fitted on columns that X lacks: 'd'; add them, or fit the source without"):
        PriorRegressor(source).fit(frame.rename(columns={"d": "z"}), y)
    with pytest.raises(ValueError, match="fitted on 4 columns, X has 3"):
        PriorRegressor(source).fit(X[:, :3], y)


def test_only_a_frozen_source_survives_clone_and_the_error_says_so():
    X, y = _rows()
    fitted = Ridge().fit(X, y)
    PriorRegressor(fitted, alpha=1.0, strength=1.0).fit(X, y)  # without clone there is nothing to lose
    with pytest.raises(NotFittedError, match="FrozenEstimator"):
        clone(PriorRegressor(fitted)).fit(X, y)
    frozen = clone(PriorRegressor([FrozenEstimator(fitted), KnownCoefficients(fitted.coef_)], alpha=1.0)).fit(X, y)
    assert frozen.strength_.shape == (2,)
    assert cross_val_score(PriorRegressor(FrozenEstimator(fitted)), X, y, cv=3).min() > 0.5


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (RandomForestRegressor(2), "no linear coefficients.*TransferGuard"),
        (make_pipeline(PolynomialFeatures(), Ridge()), "step PolynomialFeatures cannot"),
        (make_pipeline(PCA(2), Ridge()), "step PCA cannot"),
        (make_pipeline(MinMaxScaler(clip=True), Ridge()), "clip=False"),
        (make_pipeline(SimpleImputer(missing_values=0.0), Ridge()), "drops columns or replaces numbers"),
        (PoissonRegressor(), "not what it computes with"),
        (RidgeClassifier(), "a regression needs a regressor"),
    ],
    ids=str,
)
def test_sources_that_are_not_linear_get_one_line(source, message):
    X, y = _rows()
    target = np.abs(np.round(y)) if not isinstance(source, RidgeClassifier) else y > 0
    source = FrozenEstimator(clone(source).fit(X, target))
    with pytest.raises(ValueError, match=message) as error:
        PriorRegressor(source).fit(X, y)
    assert "\n" not in str(error.value)


def test_more_unusable_sources():
    X, y = _rows()
    labels = (y > y.mean()).astype(int)
    with pytest.raises(ValueError, match="is the class Ridge"):
        PriorRegressor(Ridge).fit(X, y)
    with pytest.raises(ValueError, match="predicts 2 targets"):
        PriorRegressor(Ridge().fit(X, np.c_[y, y])).fit(X, y)
    with pytest.raises(ValueError, match="a classification needs a classifier"):
        PriorClassifier(Ridge().fit(X, y)).fit(X, labels)
    with pytest.raises(ValueError, match="no linear coefficients"):
        PriorClassifier(RandomForestClassifier(2).fit(X, labels)).fit(X, labels)
    three = _labels(3)[1]
    with pytest.raises(ValueError, match="not what it computes with"):  # one row a pair of classes
        PriorClassifier(SVC(kernel="linear").fit(X[::2], three[::2])).fit(X, three)
    with pytest.raises(ValueError, match="not a fitted model"):
        PriorRegressor("ridge").fit(X, y)
    with pytest.raises(ValueError, match="finite coefficients"):
        PriorRegressor(KnownCoefficients([np.nan] * 4)).fit(X, y)
    with pytest.raises(ValueError, match="they share none"):
        PriorClassifier(LogisticRegression(max_iter=5000).fit(X, np.where(labels, "ill", "well"))).fit(X, labels)


def test_classes_are_matched_by_label():
    X, y = _labels(3)
    names = np.array(["low", "middle", "high"])[y]
    source = LogisticRegression(max_iter=10000).fit(X, names)
    as_is = PriorClassifier(source, alpha=np.inf, strength=1.0).fit(X, names)
    assert_allclose(as_is.coef_, source.coef_, rtol=1e-9)
    assert as_is.classes_.tolist() == ["high", "low", "middle"]

    two = y < 2
    narrow = LogisticRegression(max_iter=10000).fit(X[two], names[two])  # has never seen "high"
    model = PriorClassifier(narrow, alpha=np.inf, strength=1.0).fit(X, names)
    assert_allclose(model.coef_[0], 0.0)
    assert_allclose(model.coef_[2] - model.coef_[1], narrow.coef_[0], rtol=1e-9)


class _Fitted:
    """Stands for a fitted multi-task model: what source_task reads, and nothing else."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def test_one_task_or_the_mean_of_a_multitask_model():
    model = _Fitted(
        tasks_=np.array(["a", "b"]),
        coef_=np.array([[1.0, 2.0], [3.0, 6.0]]),
        task_column="site",
        feature_names_in_=np.array(["site", "u", "v"]),
    )
    assert_allclose(source_task(model, "b").coef, [3.0, 6.0])
    assert_allclose(source_task(model).coef, [2.0, 4.0])
    assert source_task(model).feature_names == ["u", "v"]
    with pytest.raises(ValueError, match="no task 'c'; its tasks are 'a', 'b'"):
        source_task(model, "c")
    with pytest.raises(ValueError, match="without tasks_"):
        source_task(Ridge())
    with pytest.raises(ValueError, match="of 2 tasks: say which one"):
        PriorRegressor(model).fit(np.eye(2), [0.0, 1.0])

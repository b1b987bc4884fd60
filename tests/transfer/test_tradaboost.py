"""TrAdaBoost against the paper's loop written out, and against sources that mislead."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from crosstask.transfer import TrAdaBoostClassifier, TrAdaBoostR2
from crosstask.transfer._tradaboost_r2 import _lowered, _Rows

TASK = np.repeat(["old", "odd", "new"], [60, 60, 40])


def rows(kind: str = "flipped", n_classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sources old (the target's own rule) and odd: flipped, permuted or constant labels."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(160, 4))
    z = X @ [1.5, -1.0, 0.5, 0.0] + 0.5 * rng.normal(size=160)
    y = np.digitize(z, np.quantile(z, np.arange(1, n_classes) / n_classes))
    odd = TASK == "odd"
    y[odd] = {
        "flipped": n_classes - 1 - y[odd],
        "permuted": rng.permutation(y[odd]),
        "constant": 0,
        "same": y[odd],
    }[kind]
    return X, y


def textbook(base, X, y, n_rounds):
    """Dai et al. 2007, figure 1, for labels 0 and 1, h(x) = p(1 | x); stops at one half."""
    target = TASK == "new"
    n_source = (~target).sum()
    beta = 1 / (1 + np.sqrt(2 * np.log(n_source) / n_rounds))
    w = np.ones(len(y))
    bases, betas = [], []
    for _ in range(n_rounds):
        p = w / w.sum()
        h = base().fit(X, y, sample_weight=p * len(y))
        loss = np.abs(h.predict_proba(X)[:, 1] - y)
        error = p[target] @ loss[target] / p[target].sum()
        if error >= 0.5:
            break
        bases.append(h)
        betas.append(error / (1 - error))
        w = np.where(target, w * betas[-1] ** -loss, w * beta**loss)
    N = len(bases)
    half = range(int(np.ceil(N / 2)) - 1, N)
    return lambda new: (
        sum(np.log(1 / betas[t]) * bases[t].predict_proba(new)[:, 1] for t in half)
        / sum(np.log(1 / betas[t]) for t in half)
    )


@pytest.mark.parametrize("base", [LogisticRegression, lambda: DecisionTreeClassifier(max_depth=1)])
@pytest.mark.parametrize("kind", ["same", "flipped"])
def test_two_classes_are_the_papers_algorithm(base, kind):
    X, y = rows(kind)
    model = TrAdaBoostClassifier(base(), n_estimators=7, early_stopping=False, target_task="new").fit(X, y, task=TASK)
    assert_allclose(model.predict_proba(X)[:, 1], textbook(base, X, y, 7)(X), atol=1e-8)
    assert len(model.staged_predict(X)) == model.n_rounds_ == len(model.estimator_errors_)
    assert (model.estimator_errors_ < 0.5).all()


def test_bases_without_probabilities_count_errors():
    X, y = rows()
    model = TrAdaBoostClassifier(RidgeClassifier(), n_estimators=3, early_stopping=False, target_task="new")
    model.fit(X, y, task=TASK)
    target = TASK == "new"
    first = RidgeClassifier().fit(X, y)
    assert model.estimator_errors_[0] == pytest.approx(1 - first.score(X[target], y[target]))
    assert set(np.unique(model.predict_proba(X).sum(axis=1).round(12))) == {1.0}


@pytest.mark.parametrize("sources", ["together", "best"])
def test_misleading_sources_do_not_pull_it_under_its_own_base(sources):
    gain = []
    for seed in range(3):
        X, y = rows("flipped", seed=seed)
        X[TASK == "old"] = X[TASK == "old"][::-1]  # and the other source has its labels permuted
        fresh, z = rows("same", seed=100 + seed)
        own = LogisticRegression().fit(X[TASK == "new"], y[TASK == "new"])
        options = {"sources": sources, "n_estimators": 3, "cv": 3, "target_task": "new", "random_state": 0}
        model = TrAdaBoostClassifier(LogisticRegression(), **options)
        gain.append(model.fit(X, y, task=TASK).score(fresh, z) - own.score(fresh, z))
    assert np.mean(gain) > -0.02


@pytest.mark.parametrize("kind", ["flipped", "permuted", "constant"])
def test_a_bad_source_gets_few_votes(kind):
    shares = []
    for seed in range(5):
        X, y = rows(kind, seed=seed)
        model = TrAdaBoostClassifier(
            LogisticRegression(), sources="best", n_estimators=5, early_stopping=False, target_task="new"
        )
        shares.append(model.fit(X, y, task=TASK).source_share_)
    odd, old = np.mean(shares, axis=0)
    assert odd <= 0.1
    assert old >= odd


def test_three_classes_and_unlabelled_rows():
    X, y = rows("same", n_classes=3)
    names = np.array(["a", "b", "c"])[y].astype(object)
    names[-10:] = None
    model = TrAdaBoostClassifier(LogisticRegression(), n_estimators=4, target_task="new", random_state=0)
    model.fit(X, names, task=TASK)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.predict_proba(X).shape == (160, 3)
    assert model.score(X, names, task=TASK) > 0.6
    assert len(model.held_out_loss_) == 5


def test_r2_steps_have_the_shares_of_the_schedule():
    X, _ = rows()
    y = X @ [1.0, 1.0, 0.0, 0.0]
    y[TASK == "odd"] *= -1
    target = TASK == "new"
    given = _Rows(DecisionTreeRegressor(max_depth=3), X, y, target, 5, np.random.RandomState(0))
    steps = _lowered(given, np.ones(160), 6)
    shares = [w[target].sum() / w.sum() for w in steps]
    assert_allclose(shares, 0.25 + 0.75 * np.arange(6) / 5, atol=1e-6)


def test_r2_with_one_round_is_a_weighted_fit_and_a_bad_source_is_dropped():
    X, _ = rows()
    y = np.sin(2 * X[:, 0])
    y[TASK != "new"] *= -1
    base = DecisionTreeRegressor(max_depth=3, random_state=0)
    model = TrAdaBoostR2(base, n_estimators=1, n_steps=4, target_task="new", random_state=0).fit(X, y, task=TASK)
    assert model.step_ == 3
    assert not model.source_weight_.any()
    own = model.estimators_[0]
    expected = DecisionTreeRegressor(max_depth=3, random_state=own.random_state).fit(X[TASK == "new"], y[TASK == "new"])
    assert_allclose(model.predict(X), expected.predict(X))


def test_r2_gains_from_a_source_that_agrees():
    X, _ = rows()
    y = np.sin(2 * X[:, 0]) + 0.1 * np.random.default_rng(0).normal(size=160)
    few = np.flatnonzero(TASK == "new")[:15]
    used = np.r_[:120, few]
    model = TrAdaBoostR2(n_steps=4, target_task="new", random_state=0).fit(X[used], y[used], task=TASK[used])
    own = TrAdaBoostR2(random_state=0).fit(X[few], y[few])
    rest = np.setdiff1d(np.arange(120, 160), few)
    assert model.score(X[rest], y[rest]) > own.score(X[rest], y[rest]) + 0.1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sources": "each"}, "sources='each' is not known"),
        ({"n_estimators": 0}, "n_estimators=0 must be a whole number"),
        ({"cv": 1}, "cv=1 must be a whole number of at least 2"),
    ],
)
def test_bad_parameters_are_named(given, message):
    X, y = rows()
    with pytest.raises(ValueError, match=message):
        TrAdaBoostClassifier(target_task="new").set_params(**given).fit(X, y, task=TASK)


def test_lines_for_targets_that_say_too_little():
    X, y = rows("same", n_classes=3)
    none = np.where(TASK == "new", None, y)
    with pytest.raises(ValueError, match=r"needs labelled rows of the target 'new', which has none.*CORAL"):
        TrAdaBoostClassifier(target_task="new").fit(X, none, task=TASK)
    two = none.copy()
    two[-2:] = [0, 1]
    with pytest.raises(ValueError, match=r"the target 'new' has 2 labelled rows and y has 3 classes"):
        TrAdaBoostClassifier(target_task="new").fit(X, two, task=TASK)
    with pytest.raises(ValueError, match="TrAdaBoostR2 needs labelled rows of the target"):
        TrAdaBoostR2(target_task="new").fit(X, np.where(TASK == "new", np.nan, y.astype(float)), task=TASK)
    with pytest.raises(ValueError, match="n_steps=1 must be a whole number of at least 2"):
        TrAdaBoostR2(n_steps=1).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="y holds one class"):
        TrAdaBoostClassifier(target_task="new").fit(X, np.zeros(160, dtype=int), task=TASK)


def test_the_best_source_of_each_round_is_a_hand_computation():
    """Every source with the target, and the target alone; the least error is kept, and only its source pays."""
    X, y = rows("flipped")
    target, n_rounds = TASK == "new", 6
    falls = 1 / (1 + np.sqrt(2 * np.log((~target).sum()) / n_rounds))
    names = sorted(set(TASK[~target]))
    parts = {-1: target, **{k: target | (name == TASK) for k, name in enumerate(names)}}
    w, votes, bases, origins = np.ones(len(y)) / len(y), [], [], []
    for _ in range(n_rounds):
        found = []
        for origin, used in parts.items():
            scaled = w[used] * used.sum() / w[used].sum()
            base = LogisticRegression().fit(X[used], y[used], sample_weight=scaled)
            loss = np.abs(base.predict_proba(X)[:, 1] - y)
            found.append((w[target] @ loss[target] / w[target].sum(), origin, base, loss))
        error, origin, base, loss = min(found, key=lambda one: one[0])
        if error >= 0.5 and bases:
            break
        votes.append(np.log((1 - error) / error))
        bases.append(base)
        origins.append(origin)
        pays = (names[origin] == TASK) if origin >= 0 else np.zeros(len(y), dtype=bool)
        w = w * np.where(target, (error / (1 - error)) ** -loss, np.where(pays, falls**loss, 1.0))
        w /= w.sum()
    options = {"sources": "best", "n_estimators": n_rounds, "early_stopping": False, "target_task": "new"}
    model = TrAdaBoostClassifier(LogisticRegression(), **options).fit(X, y, task=TASK)
    half = range(int(np.ceil(len(bases) / 2)) - 1, len(bases))
    total = sum(votes[t] for t in half)
    by_hand = sum(votes[t] * bases[t].predict_proba(X)[:, 1] for t in half) / total
    assert_allclose(model.estimator_votes_, votes, rtol=1e-6)
    assert_allclose(model.predict_proba(X)[:, 1], by_hand, atol=1e-8)
    assert_allclose(model.source_share_, [sum(votes[t] for t in half if origins[t] == k) / total for k in range(2)])

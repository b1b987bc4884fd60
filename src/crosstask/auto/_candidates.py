"""The models that the flagship compares: its own list, or the caller's estimators in both forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from crosstask.auto._baseline import BaseRateClassifier, TaskMeanRegressor
from crosstask.auto._columns import Finding, is_category
from crosstask.auto._optional import OPTIONAL, DataShape, count_groups, groups, network
from crosstask.auto._prepared import Form, Prepared
from crosstask.couplings import MeanTied
from crosstask.multitask import IndependentTasks, MultiTaskClassifier, MultiTaskRegressor, PooledTasks

__all__ = ["CandidateList", "DataShape", "join_groups", "make_candidates"]

PRIOR_WIDTH = 0.5  # of log alpha, logistic models only: a factor of 1.6 either way is nothing unusual
FEW_ROWS = 500  # boosting, and choosing columns, need more rows than these in a classifier
FEW_ROWS_A_TASK = 30
FEW_ROWS_OF_VALUES = 300  # boosting of a regressor needs these
MANY_ROWS = 5000
FEW_ROWS_FOR_A_NETWORK = 500
BOOSTED = ("small trees", "boosting")  # classifiers have the second only


@dataclass
class CandidateList:
    """Named candidates in the order of their cost, the name of each task's own model, and what to tell."""

    models: list[tuple[str, Any]]
    own: str
    mix: str
    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def core(self) -> set[str]:
        """What is compared whatever the time budget: the own model, and the plainest ways of sharing."""
        names = {name for name, _ in self.models}
        plain = {"pooled", "mean tied"} & names
        return {self.own} | (plain or {name for name in names if name.endswith(", pooled")})


def make_candidates(candidates: Any, shape: DataShape) -> CandidateList:
    """Return the candidates for ``"default"``, ``"linear"``, ``"neural"``, or a list of estimators.

    Raises
    ------
    ValueError
        If ``candidates`` is none of these, or an estimator in it does not fit the target.
    """
    if isinstance(candidates, str):
        if candidates not in ("default", "linear", "neural"):
            raise ValueError(
                f"candidates={candidates!r} is not known: use 'default', 'linear', 'neural', or a list of estimators "
                "such as [('boosting', HistGradientBoostingRegressor())]."
            )
        listed = CandidateList(_linear(shape), "own", "linear" if candidates == "linear" else "response")
        _drop_selection(listed, shape)
        if candidates in ("default", "neural"):
            _add_boosting(listed, shape)
        if candidates == "neural":
            _add_network(listed, shape)
        return listed
    if isinstance(candidates, (list, tuple)) and any(isinstance(name, str) for name in candidates):
        return _named_ones(candidates, shape)
    return _from_estimators(candidates, shape)


def join_groups(
    listed: CandidateList, shape: DataShape, X: NDArray[np.float64], y: NDArray[Any], task: NDArray[Any]
) -> None:
    """Add "groups" to the default candidates where the tasks fall into a few groups that are better pooled apart."""
    n_groups = count_groups(shape, X, y, task)
    if n_groups:
        listed.models.append(("groups", groups(shape, n_groups)))
        listed.findings.append(
            (
                "groups-tried",
                f"the {shape.n_tasks} tasks fall into {n_groups} groups that may be better pooled apart: "
                "candidate 'groups' has a model for each.",
            )
        )


def _named_ones(candidates: Any, shape: DataShape) -> CandidateList:
    """Return the candidates that are named, the caller's own estimators among them, and each task's own model."""
    listed = make_candidates("default", shape)
    names = [name for name in candidates if isinstance(name, str)]
    known = [name for name, _ in listed.models]
    boosted = BOOSTED[-1:] if shape.classification else BOOSTED
    for name in names:
        if name not in known and name not in OPTIONAL and name not in boosted:
            raise ValueError(
                f"candidate {name!r} is not known: the default candidates are {', '.join(known)}; "
                f"{', '.join(OPTIONAL)} can be named beside them."
            )
    wanted = {listed.own, *names}
    findings = listed.findings if wanted.intersection(boosted) else []
    models = [pair for pair in listed.models if pair[0] in wanted]
    models += [(name, make(shape)) for name, make in OPTIONAL.items() if name in wanted]
    estimators = [item for item in candidates if not isinstance(item, str)]
    if estimators:
        others = _from_estimators(estimators, shape)
        models += [pair for pair in others.models if not pair[0].startswith("own")]
    return CandidateList(models, listed.own, listed.mix, findings)


def _linear(shape: DataShape) -> list[tuple[str, Any]]:
    """Return the models that are linear in the encoded columns, all tuned in the same way.

    EasyAdapt around a ridge or a logistic regression is MeanTied with ``centre_weight=1``: its coefficients w_0 + v_t
    with the penalty |w_0|^2 + sum_t |v_t|^2 are those of min over w_0 of sum_t |w_t - w_0|^2 + |w_0|^2, without
    building a copy of the columns for each task. "mean tied" pulls at the centre ten times less: not at all would
    leave shared slopes without any brake, which 20 rows a task do not bear.
    """
    model: Any = MultiTaskClassifier if shape.classification else MultiTaskRegressor
    mean: Any = BaseRateClassifier() if shape.classification else TaskMeanRegressor()
    couplings: list[tuple[str, Any]] = [
        ("own", "independent"),
        ("pooled", "pooled"),
        ("mean tied", MeanTied(centre_weight=0.1)),
        ("easy adapt", MeanTied(centre_weight=1.0)),
        ("feature norm", "feature_norm"),
    ]
    plain = [("base rate" if shape.classification else "task mean", mean)]
    plain += [(name, model(coupling, n_alphas=shape.n_alphas, unseen_task="pooled")) for name, coupling in couplings]
    steady = {"own", "pooled", "mean tied", "easy adapt"} if shape.classification else set[str]()
    tied = {"pooled", "mean tied", "easy adapt", "feature norm"}
    return [
        (
            name,
            Prepared(
                estimator,
                names=shape.names,
                levels=shape.levels,
                prior_width=PRIOR_WIDTH if name in steady else None,
                tied=name in tied,
            ),
        )
        for name, estimator in plain
    ]


def _drop_selection(listed: CandidateList, shape: DataShape) -> None:
    """Leave "feature norm" out where a few labels would choose the columns: measured, it costs more than it finds."""
    if shape.classification and shape.n_rows < FEW_ROWS and shape.n_rows < FEW_ROWS_A_TASK * shape.n_tasks:
        listed.models = [pair for pair in listed.models if pair[0] != "feature norm"]
        listed.findings.append(
            (
                "feature-norm-left-out",
                f"feature norm was not tried: {shape.n_rows} labels in {shape.n_tasks} task(s) are too few for it.",
            )
        )


def _add_boosting(listed: CandidateList, shape: DataShape) -> None:
    """Add gradient boosting with the task as a category, where there are rows enough.

    Values bear it from ten rows a task on, since the guard weighs trees well by squared errors (`docs/field.md`):
    "boosting" follows every bend where noise is low, "small trees" stop early where it is not. Log loss does not.
    """
    few = f"{shape.n_rows} rows in {shape.n_tasks} task(s) are too few for it."
    sparse_tasks = shape.n_rows / shape.n_tasks < FEW_ROWS_A_TASK and shape.n_rows < MANY_ROWS
    if shape.n_rows < FEW_ROWS_OF_VALUES or (shape.classification and (shape.n_rows < FEW_ROWS or sparse_tasks)):
        listed.findings.append(("boosting-left-out", f"gradient boosting was not tried: {few}"))
        return
    if shape.classification:
        listed.models.append(("boosting", _boosting(shape, max_iter=100, max_leaf_nodes=15, min_samples_leaf=10)))
        return
    listed.models.append(("small trees", _boosting(shape, max_iter=100, max_leaf_nodes=7, min_samples_leaf=5)))
    listed.models.append(("boosting", _boosting(shape, max_iter=200, max_leaf_nodes=15, min_samples_leaf=10)))


def _boosting(shape: DataShape, **size: int) -> Prepared:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind: Any = HistGradientBoostingClassifier if shape.classification else HistGradientBoostingRegressor
    categories = np.flatnonzero([is_category(level) for level in shape.levels])
    boosting = kind(
        learning_rate=0.1,
        l2_regularization=1.0,
        early_stopping=False,
        categorical_features=categories.tolist() or None,
        **size,
    )
    pooled = PooledTasks(boosting, encode_task="category", unseen_task="pooled")
    return Prepared(pooled, names=shape.names, levels=shape.levels, form="raw")


def _add_network(listed: CandidateList, shape: DataShape) -> None:
    """Add a network where there are rows enough."""
    added = network(shape)  # says that PyTorch is missing, rows enough or not
    if shape.n_rows < FEW_ROWS_FOR_A_NETWORK:
        listed.findings.append(
            (
                "network-left-out",
                f"a network was not tried: {shape.n_rows} rows are too few for it (below {FEW_ROWS_FOR_A_NETWORK}).",
            )
        )
        return
    listed.models.append(("network", added))


def _from_estimators(candidates: Any, shape: DataShape) -> CandidateList:
    if not isinstance(candidates, (list, tuple)) or not candidates:
        raise ValueError(
            f"candidates={candidates!r} holds no models: use 'default', or a list of estimators such as "
            "[('boosting', HistGradientBoostingRegressor())]."
        )
    models: list[tuple[str, Any]] = []
    own = ""
    for name, estimator in _named(candidates, shape.classification):
        if _knows_tasks(estimator):
            models.append((name, _prepared(estimator, estimator, shape)))
            continue
        alone = IndependentTasks(estimator, unseen_task="pooled")
        encoding = "category" if takes_categories(estimator) else "onehot"
        shared = PooledTasks(estimator, encode_task=encoding, unseen_task="pooled")
        own = own or f"{name}, own"
        models.append((f"{name}, own", _prepared(alone, estimator, shape)))
        models.append((f"{name}, pooled", _prepared(shared, estimator, shape)))
    if not own:
        first: Any = MultiTaskClassifier if shape.classification else MultiTaskRegressor
        own = "own" if all(name != "own" for name, _ in models) else "own model"
        reference = first("independent", unseen_task="pooled")
        models.insert(0, (own, Prepared(reference, names=shape.names, levels=shape.levels)))
    return CandidateList(models, own, "response")


def _named(candidates: Any, classification: bool) -> list[tuple[str, Any]]:
    named: list[tuple[str, Any]] = []
    for item in candidates:
        pair = isinstance(item, (list, tuple)) and len(item) == 2 and isinstance(item[0], str)
        name, estimator = item if pair else (_short_name(item), item)
        if isinstance(estimator, type) or not hasattr(estimator, "fit") or not hasattr(estimator, "predict"):
            raise ValueError(
                f"candidate {item!r} is no estimator: give estimators, or pairs (name, estimator), such as "
                "('forest', RandomForestRegressor())."
            )
        if not (is_classifier if classification else is_regressor)(estimator):
            wanted, given = ("classifier", "regressor") if classification else ("regressor", "classifier")
            raise ValueError(f"candidate {name!r} is no {wanted}: give {wanted}s here, or use the {given}'s flagship.")
        named.append((name, estimator))
    names = [name for name, _ in named]
    for position, name in enumerate(names):
        if names.count(name) > 1:
            if any(isinstance(item, (list, tuple)) for item in candidates):
                raise ValueError(f"{names.count(name)} candidates are named {name!r}: give each a name of its own.")
            named[position] = (f"{name} {names[: position + 1].count(name)}", named[position][1])
    return named


def _short_name(estimator: Any) -> str:
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    return type(last).__name__


def _knows_tasks(estimator: Any) -> bool:
    return hasattr(estimator, "task_column")


def _prepared(wrapped: Any, estimator: Any, shape: DataShape) -> Prepared:
    return Prepared(wrapped, names=shape.names, levels=shape.levels, form=form_for(estimator, shape.levels))


def form_for(estimator: Any, levels: list[Any]) -> Form:
    """Return the form in which an estimator gets the table: as it is where it can take gaps, else encoded."""
    has_categories = any(is_category(level) for level in levels)
    if not get_tags(estimator).input_tags.allow_nan:
        return "encoded"
    if not has_categories:
        return "raw"
    return "frame" if takes_categories(estimator) else "encoded"


def takes_categories(estimator: Any) -> bool:
    """Tell whether an estimator understands columns of dtype category."""
    if isinstance(estimator, Pipeline):
        return False
    library = type(estimator).__module__.split(".")[0]
    return library == "lightgbm" or "HistGradient" in type(estimator).__name__

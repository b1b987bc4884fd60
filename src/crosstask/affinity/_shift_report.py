"""What differs between each source and the target: X, the frequencies of y, or the relation of y to X."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target

from crosstask.affinity._shift_result import Shift, ShiftReport
from crosstask.affinity._shift_tests import Area, delong, discrepancy, same_answers, same_frequencies
from crosstask.affinity._shift_words import verdict
from crosstask.tasks import fresh, numeric_matrix
from crosstask.tasks._target import check_target
from crosstask.transfer._label_shift import bbse_ratio
from crosstask.transfer._rows import TransferRows, open_transfer_fit
from crosstask.transfer._source_weights import deal, gammas, gaussian

Floats = NDArray[np.float64]
FOLDS = 5
N_BINS = 5
"""Groups of y inside which X is compared, where y is a number."""


class _Reader(BaseEstimator):
    """Opens the door for rows of all tasks as an estimator would."""

    def __init__(self, target_task: Any, task_column: Any) -> None:
        self.target_task = target_task
        self.task_column = task_column


def shift_report(
    X: Any,
    y: Any,
    *,
    target_task: Any,
    task: Any = None,
    task_column: str | int | None = None,
    estimator: Any = None,
    level: float = 0.05,
    n_permutations: int = 300,
    max_rows: int = 500,
    random_state: Any = 0,
) -> ShiftReport:
    r"""Tell what differs between each source and the target: X, the frequencies of y, or the relation of y to X.

    Four questions are tested: is X distributed alike (the area under the curve of a domain classifier, and the
    maximum mean discrepancy with permutations); is y distributed alike; is X given y the same (the discrepancy inside
    classes, or fifths of y, with permutations inside them); is y given X the same (moments of the source model's
    residuals in the region that both share)? Where X differs and y given X does not, it is *covariate shift*; where y
    differs and X given y does not, *label shift*; where neither conditional distribution stays, *concept shift*.

    The difference of the source model's losses is split, with weights :math:`p_s p_t / (\pi_s p_s + \pi_t p_t)` on
    the shared region,

    .. math::
        E_t[\ell] - E_s[\ell] = \underbrace{E_{\text{shared}}[\ell_t] - E_{\text{shared}}[\ell_s]}_{y \mid X}
        + \underbrace{\text{the rest}}_{X}.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns)
        Numbers; rows of all tasks.
    y : array-like of shape (n_rows,)
        Missing where a row of the target has no label: without any, only X and the classes' frequencies are compared.
    target_task : task id
        The task to serve.
    task : array-like of shape (n_rows,), optional
        Task ids, where no column of X holds them.
    task_column : str or int, optional
        Column of X that holds the task ids.
    estimator : estimator, optional
        The source's model. None is a logistic or ridge regression on standardised columns.
    level : float, default=0.05
        A question is answered with "differs" where its p value is below a third of this.
    n_permutations : int, default=300
        For each test by permutation.
    max_rows : int, default=500
        Rows of each task that enter the kernel tests, drawn at random.
    random_state : int, RandomState instance or None, default=0
        Draws folds, rows and permutations.

    Returns
    -------
    ShiftReport
        ``print`` it, or take ``.frame()``.

    Raises
    ------
    ValueError
        If the target has no rows, a source's row has no y, or X is not numeric.

    Notes
    -----
    Cost: a few fits of linear models, and kernels of ``2 max_rows`` rows. What it cannot do: without labels of the
    target no test tells concept shift from the others. A p value above the level is no proof that nothing differs;
    with some thirty labelled rows of the target only large differences show.

    References
    ----------
    T. Cai, H. Namkoong, S. Yadlowsky (2023). Diagnosing model performance under distribution shift. arXiv:2303.02011.
    The split of the loss.

    A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola (2012). A kernel two-sample test. Journal of Machine
    Learning Research 13, 723-773.

    E. DeLong, D. DeLong, D. Clarke-Pearson (1988). Comparing the areas under two or more correlated receiver operating
    characteristic curves. Biometrics 44, 837-845.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> task = np.repeat(["old", "new"], [300, 200])
    >>> X = rng.normal(size=(500, 3)) + (task == "new")[:, None] * [1.0, 0.0, 0.0]
    >>> y = (X @ [1.0, -1.0, 0.0] + rng.normal(size=500) > 0).astype(int)
    >>> report = shift_report(X, y, task=task, target_task="new")
    >>> report.shifts[0].verdict, round(report.shifts[0].auc, 1)
    ('covariate', 0.8)
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level={level!r} must lie between 0 and 1.")
    reader = _Reader(target_task, task_column)
    rows = open_transfer_fit(reader, X, y, task=task)
    matrix = numeric_matrix(reader, rows.X, accept_sparse=False).astype(np.float64)
    values, classes = _answers(rows)
    model = _default_model(classes is not None) if estimator is None else estimator
    rng = check_random_state(random_state)
    shifts = [
        _compare(matrix, values, classes, rows, s, model, level, n_permutations, max_rows, rng)
        for s in range(rows.n_sources)
    ]
    return ShiftReport(target_task, shifts)


def _answers(rows: TransferRows) -> tuple[Floats, NDArray[Any] | None]:
    """Return (y as numbers, nan where missing; the classes or None)."""
    lost = ~rows.labelled & ~rows.is_target
    if rows.y is None or lost.any():
        raise ValueError(
            f"{int(lost.sum())} source rows have no y: shift_report needs it, for only the target may be unlabelled."
        )
    known = rows.y[rows.labelled]
    if known.dtype.kind == "O":
        known = np.array(known.tolist())
    classification = type_of_target(known) in ("binary", "multiclass")
    known = check_target(known, classification)
    full = np.full(len(rows.labelled), np.nan)
    if not classification:
        full[rows.labelled] = known
        return full, None
    classes, codes = np.unique(known, return_inverse=True)
    full[rows.labelled] = codes
    return full, classes


def _default_model(classification: bool) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000) if classification else Ridge())


def _compare(
    matrix: Floats,
    values: Floats,
    classes: NDArray[Any] | None,
    rows: TransferRows,
    s: int,
    model: Any,
    level: float,
    n_permutations: int,
    max_rows: int,
    rng: np.random.RandomState,
) -> Shift:
    """Compare one source with the target."""
    chosen = np.flatnonzero((rows.source == s) | rows.is_target)
    X, y, target, labelled = matrix[chosen], values[chosen], rows.is_target[chosen], rows.labelled[chosen]
    p_target = _domain(X, target, rng)
    area = delong(p_target, target)
    some = np.sort(np.concatenate([_draw(np.flatnonzero(own), max_rows, rng) for own in (target, ~target)]))
    kernel = _kernel(X[some], target[some])
    mmd2, mmd_p = discrepancy(kernel, target[some], np.zeros(len(some), dtype=np.intp), n_permutations, rng)
    answer = _ask_source(model, X, y, target, classes, rng)
    numbers = {"y_p": np.nan, "x_given_y_p": np.nan, "y_given_x_p": np.nan}
    losses = {"loss_source": float(answer.loss[~target].mean()), "loss_target": np.nan}
    parts = {"due_to_x": np.nan, "due_to_y_given_x": np.nan}
    if (labelled & target).sum() >= 2:
        known = np.flatnonzero(labelled)
        inside = np.flatnonzero(labelled[some])
        groups = _groups(y[some][inside], classes is not None)
        own_kernel = kernel[np.ix_(inside, inside)]
        numbers["y_p"] = same_frequencies(y[known], target[known], classes is not None)
        numbers["x_given_y_p"] = discrepancy(own_kernel, target[some][inside], groups, n_permutations, rng)[1]
        overlap = np.where(target, 1.0 - p_target, p_target)[known]
        moments = np.column_stack([np.ones(len(known)), _scaled(X[known])])
        numbers["y_given_x_p"] = same_answers(answer.residual[known], moments, overlap, target[known], rng)
        losses["loss_target"], parts = _split(answer.loss[known], overlap, target[known])
    x_p = min(1.0, 2.0 * min(area.p, mmd_p))
    return Shift(
        source=rows.source_tasks[s].item(),
        n_source=int((~target).sum()),
        n_target=int(target.sum()),
        n_labelled=int((labelled & target).sum()),
        **_area(area),
        mmd2=mmd2,
        x_p=x_p,
        **numbers,
        prior_ratio=answer.ratio,
        **losses,
        **parts,
        verdict=verdict(x_p, **numbers, level=level / 3.0),
    )


def _area(area: Area) -> dict[str, float]:
    return {"auc": area.value, "auc_low": area.low, "auc_high": area.high}


def _draw(rows: NDArray[np.intp], most: int, rng: np.random.RandomState) -> NDArray[np.intp]:
    return rows if len(rows) <= most else rng.choice(rows, most, replace=False)


def _scaled(X: Floats) -> Floats:
    spread = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _kernel(X: Floats, target: NDArray[np.bool_]) -> Floats:
    Z = _scaled(X)
    return gaussian(Z, Z, float(gammas(None, Z[~target], Z[target])[2]))


def _domain(X: Floats, target: NDArray[np.bool_], rng: np.random.RandomState) -> Floats:
    """Held-out probability that a row is the target's, by a logistic regression on the columns and their squares."""
    columns = _scaled(X)
    Z = np.column_stack([columns, _scaled(columns**2)])
    fold = deal(len(Z), FOLDS, rng, target)
    p = np.full(len(Z), float(target.mean()))
    for k in range(int(fold.max()) + 1):
        train = fold != k
        if target[train].any() and not target[train].all():
            model = LogisticRegression(max_iter=2000).fit(Z[train], target[train])
            p[fold == k] = model.predict_proba(Z[fold == k])[:, 1]
    return np.clip(p, 1e-6, 1.0 - 1e-6)


@dataclass(frozen=True)
class _SourceAnswer:
    """Residuals (n, K) and losses (n,) of the source's model, held out on the source; nan where y is missing."""

    residual: Floats
    loss: Floats
    ratio: dict[Any, float]


def _ask_source(
    model: Any, X: Floats, y: Floats, target: NDArray[np.bool_], classes: NDArray[Any] | None, rng: Any
) -> _SourceAnswer:
    own, width = np.flatnonzero(~target), 1 if classes is None else len(classes)
    predicted = np.zeros((len(X), width))
    fold = deal(len(own), FOLDS, rng, y[own] if classes is not None else None)
    splits = [(own[fold != k], own[fold == k]) for k in range(int(fold.max()) + 1)]
    for train, test in [*splits, (own, np.flatnonzero(target))]:
        predicted[test] = _predict(model, X[train], y[train], X[test], width, classes is not None)
    if classes is None:
        residual = y[:, None] - predicted
        return _SourceAnswer(residual, residual[:, 0] ** 2, {})
    code = np.where(np.isnan(y), 0, y).astype(np.intp)
    residual = (code[:, None] == np.arange(width)) - predicted
    residual[np.isnan(y)] = np.nan
    loss = -np.log(np.clip(predicted[np.arange(len(y)), code], 1e-6, 1.0))
    loss[np.isnan(y)] = np.nan
    hard = predicted.argmax(axis=1)
    ratio = bbse_ratio(code[own], hard[own], hard[target], width)
    return _SourceAnswer(residual[:, 1:] if width == 2 else residual, loss, _by_class(ratio, classes))


def _predict(model: Any, X: Floats, y: Floats, X_new: Floats, width: int, classification: bool) -> Floats:
    """Return (n, 1) predictions or (n, K) probabilities; one class alone has probability 1."""
    if not classification:
        return np.asarray(fresh(model).fit(X, y).predict(X_new), dtype=np.float64)[:, None]
    code = y.astype(np.intp)
    full = np.zeros((len(X_new), width))
    if len(np.unique(code)) == 1:
        full[:, code[0]] = 1.0
        return full
    fitted = fresh(model).fit(X, code)
    full[:, fitted.classes_] = fitted.predict_proba(X_new)
    return full


def _by_class(ratio: Floats, classes: NDArray[Any]) -> dict[Any, float]:
    return {value: float(part) for value, part in zip(classes.tolist(), ratio, strict=True)}


def _groups(y: Floats, classification: bool) -> NDArray[np.intp]:
    """Return the class of each row, or the fifth of y that it lies in."""
    if classification:
        return y.astype(np.intp)
    return np.digitize(y, np.quantile(y, np.arange(1, N_BINS) / N_BINS)).astype(np.intp)


def _split(loss: Floats, overlap: Floats, target: NDArray[np.bool_]) -> tuple[float, dict[str, float]]:
    """Return (loss on the target, its difference from the source's in two parts)."""
    shared = [float(np.average(loss[own], weights=overlap[own])) for own in (target, ~target)]
    on_target, on_source = float(loss[target].mean()), float(loss[~target].mean())
    given_x = shared[0] - shared[1]
    return on_target, {"due_to_x": on_target - on_source - given_x, "due_to_y_given_x": given_x}

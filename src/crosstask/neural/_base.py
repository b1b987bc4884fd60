"""What the multi-task networks share: the doors, training, and predictors of any rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from crosstask.multitask._support import refuse_no_columns
from crosstask.neural._design import NetDesign
from crosstask.neural._history import TrainingHistory
from crosstask.neural._inputs import learn_scaling
from crosstask.neural._options import check_multitask_options
from crosstask.neural._rebuilt import Array, RebuiltNet, seed_of
from crosstask.neural._targets import TargetScaling, hold_out
from crosstask.neural._torch import own_seed, pick_device, require_torch
from crosstask.tasks import TaskData, TaskMixin, TaskRows

if TYPE_CHECKING:
    from crosstask.neural._network import Network
    from crosstask.neural._rows import NetRows

DENSE_ENOUGH = 0.3  # of a wide target: share of observed pairs from which all heads are computed for every row
MOST_TASKS_OF_PLE = 50


@dataclass(frozen=True)
class Target:
    """The target as numbers, its scaling, and what a row costs."""

    data: TaskData
    scaling: TargetScaling
    n_classes: int | None
    logistic: NDArray[np.bool_] | None

    @property
    def n_outputs(self) -> int:
        """Predictors of each task."""
        return 1 if self.n_classes is None or self.n_classes == 2 else self.n_classes


class MultiTaskNet(RebuiltNet, TaskMixin):
    """Base of the networks; a subclass turns y into numbers and predictors into an answer."""

    hidden_layer_sizes: Any
    activation: str
    dropout: float
    trunk: str
    n_experts: int
    module: Any
    heads: str
    rank: int
    tie: float
    weighting: str
    aggregator: Any
    task_weight: str
    learning_rate_init: float
    weight_decay: float
    batch_size: int | str
    max_epochs: int
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    standardize: bool
    categorical_features: Any
    task_column: str | int | None
    unseen_task: str
    dtype: str
    random_state: Any
    verbose: int
    tasks_: NDArray[Any]
    history_: TrainingHistory

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Train one network for all tasks.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns), or array of shape (n_rows, ...) with ``module``
            Numbers, and categories in the columns that ``categorical_features`` names.
        y : array-like of shape (n_rows,) or (n_rows, n_tasks)
            The target; two-dimensional with NaN = not observed at the wide door.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,) or, at the wide door, (n_rows, n_tasks), optional
            Non-negative weights.

        Returns
        -------
        Self
        """
        require_torch(type(self).__name__)
        check_multitask_options(self)
        rows = self._open_fit(self._flat(X, fit=True), y, task, sample_weight)
        refuse_no_columns(rows)
        plain = self.module is None
        categorical = self.categorical_features if plain else None
        self.scaling_ = learn_scaling(self, rows.X, categorical, self.standardize and plain, _row_weights(rows))
        inputs = self.scaling_(self, rows.X)
        target = self._read_target(rows, inputs)
        self.target_scaling_ = target.scaling
        self._train(target)
        return self

    def score(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy, or 1 - within-task squared error / within-task sum of squares.

        Parameters
        ----------
        X, y, task, sample_weight
            As in ``fit``.

        Returns
        -------
        float
        """
        return super().score(self._flat(X, fit=False), y, task=task, sample_weight=sample_weight)

    def _train(self, target: Target) -> None:
        import torch

        from crosstask.neural._network import build_network, refuse_fractions
        from crosstask.neural._objective import RowLoss
        from crosstask.neural._train import train

        data, device = target.data, pick_device(self.device)
        seed = seed_of(self.random_state)
        held = np.zeros(data.n_pairs, dtype=bool)
        if self.early_stopping:
            held = hold_out(data, self.validation_fraction, np.random.default_rng(seed))
        with own_seed(seed, device):
            self.design_ = self._design(target)
            sample = torch.as_tensor(np.asarray(self._shaped(data.X[:3])))
            net = build_network(self.design_, module=self.module, sample=sample, tie=self.tie).to(device)
            refuse_fractions(net, data.X)
            logistic = None if target.logistic is None else torch.as_tensor(target.logistic, device=device)
            loss = RowLoss(target.n_classes, logistic)
            rows = self._net_rows(target, ~held, net)
            others = self._net_rows(target, held, net) if held.any() else None
            self.history_ = train(net, rows, others, loss, self._plan(seed))
        self.n_iter_ = len(self.history_.train_loss)
        self._keep(net)
        if self.unseen_task == "pooled":
            self.pooled_coef_, self.pooled_intercept_ = self._pooled_head(target, net)

    def _design(self, target: Target) -> NetDesign:
        kind = self.trunk if self.module is None else "module"
        hidden = () if self.module is not None else tuple(int(k) for k in np.atleast_1d(self.hidden_layer_sizes))
        levels, n_tasks = self.scaling_.levels, target.data.n_tasks
        if kind == "ple" and n_tasks > MOST_TASKS_OF_PLE:
            raise ValueError(
                f"trunk='ple' computes every task for every row, and there are {n_tasks} tasks (at most "
                f"{MOST_TASKS_OF_PLE}): use trunk='shared' with heads='low_rank' or 'film'."
            )
        n_numbers = target.data.X.shape[1] - len(levels)
        shape = (n_numbers, levels, n_tasks, target.n_outputs, kind, hidden)
        return NetDesign(
            *shape, self.activation, float(self.dropout), int(self.n_experts), self.heads, int(self.rank), self.dtype
        )

    def _plan(self, seed: int) -> Any:
        from crosstask.neural._train import TrainingPlan

        return TrainingPlan(
            learning_rate=self.learning_rate_init,
            weight_decay=self.weight_decay,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            patience=self.n_iter_no_change,
            weighting=self.weighting,
            aggregator=self.aggregator,
            seed=seed,
            verbose=int(self.verbose),
        )

    def _net_rows(self, target: Target, chosen: NDArray[np.bool_], net: Network) -> NetRows:
        """Return the chosen pairs as tensors, in the wide layout where tasks share rows and most pairs are observed."""
        import torch

        from crosstask.neural._rows import NetRows

        data = target.data
        y = target.scaling.apply(data.y, data.codes)
        weight = data.sample_weight
        if self.task_weight == "equal":
            weight = weight * (data.totals.sum() / (data.n_tasks * np.maximum(data.totals, 1e-300)))[data.codes]
        dense = data.table_row is not None and len(y) >= DENSE_ENOUGH * data.X.shape[0] * data.n_tasks
        kind, device = net.heads.intercept.dtype, net.heads.intercept.device
        if data.table_row is not None and dense and not net.uses_tasks and self.aggregator is None:
            wide_y, wide_weight = np.zeros((2, data.X.shape[0], data.n_tasks))
            place = (data.table_row[chosen], data.codes[chosen])
            wide_y[place], wide_weight[place] = y[chosen], weight[chosen]
            kept = np.flatnonzero(wide_weight.any(axis=1))
            inputs, y, weight, codes = data.X[kept], wide_y[kept], wide_weight[kept], None
        else:
            inputs, y, weight = data.pair_rows(np.flatnonzero(chosen)), y[chosen], weight[chosen]
            codes = torch.as_tensor(data.codes[chosen], device=device)
        tensors = [torch.as_tensor(a, dtype=kind, device=device) for a in (self._shaped(inputs), y, weight)]
        return NetRows(tensors[0], tensors[1], tensors[2], codes, data.n_tasks)

    def _pooled_head(self, target: Target, net: Network) -> tuple[Array, Array]:
        """Fit one linear head to the rows of all tasks, on the representation, for tasks that fit has not seen."""
        import torch
        from sklearn.linear_model import LogisticRegression, Ridge

        from crosstask.neural._network import predict_in_parts

        data = target.data
        codes = torch.full((len(data.X),), -1)
        hidden = predict_in_parts(net, self._tensor(data.X), codes, features=True)
        if data.table_row is not None:
            hidden = hidden[data.table_row]
        scale = np.maximum(hidden.std(axis=0), 1e-8)
        if target.n_classes is None:
            model: Any = Ridge(alpha=1.0).fit(hidden / scale, data.y, sample_weight=data.sample_weight)
            return np.atleast_2d(model.coef_) / scale, np.atleast_1d(model.intercept_)
        model = LogisticRegression(max_iter=2000).fit(hidden / scale, data.y, sample_weight=data.sample_weight)
        return model.coef_ / scale, model.intercept_

    def _predictors(self, X: Any, task: Any) -> tuple[Array, NDArray[np.intp], TaskRows]:
        """Return z of shape (n, K) with the task of each entry; at the wide door in the order of ``rows.codes``."""
        import torch

        from crosstask.neural._network import predict_in_parts, refuse_fractions

        rows = self._open_predict(self._flat(X, fit=False), task)
        inputs, net = self._tensor(self.scaling_(self, rows.X)), self._network()
        refuse_fractions(net, inputs)
        if rows.door == "wide" and not net.uses_tasks:
            z = predict_in_parts(net, inputs, None)[:, rows.wide_order]
            return np.swapaxes(z, 0, 1).reshape(-1, z.shape[2]), rows.codes, rows
        if rows.table_row is not None:
            inputs = inputs[torch.as_tensor(rows.table_row)]
        z = predict_in_parts(net, inputs, torch.as_tensor(rows.codes))
        new = rows.codes < 0
        if new.any() and self.unseen_task == "pooled":
            hidden = predict_in_parts(net, inputs[new], torch.as_tensor(rows.codes[new]), features=True)
            z[new] = hidden @ self.pooled_coef_.T + self.pooled_intercept_
        return z, rows.codes, rows

    def _trunk_module(self) -> Any:
        return self.module

    def _units(self) -> tuple[Array, Array]:
        return self.target_scaling_.scale[:-1], self.target_scaling_.mean[:-1]

    def _flat(self, X: Any, *, fit: bool) -> Any:
        """Return images and the like as a table for the doors, which take rows and columns."""
        shape = np.shape(X) if self.module is not None and not hasattr(X, "columns") else ()
        inner = tuple(int(k) for k in shape[1:]) if len(shape) > 2 else None
        if fit:
            self.input_shape_ = inner
        elif shape and inner is None and shape[-1] == math.prod(self.input_shape_ or ()):
            return X
        elif inner != getattr(self, "input_shape_", inner):
            raise ValueError(f"X has rows of shape {inner}, and the network was fitted on {self.input_shape_}.")
        return X if inner is None else np.asarray(X).reshape(len(X), -1)

    def _shaped(self, X: Array) -> Array:
        return X if self.input_shape_ is None else X.reshape(len(X), *self.input_shape_)

    def _tensor(self, X: Array) -> Any:
        import torch

        return torch.as_tensor(np.ascontiguousarray(self._shaped(X)))

    def _read_target(self, rows: TaskRows, inputs: Array) -> Target:
        raise NotImplementedError


def _row_weights(rows: TaskRows) -> Array | None:
    """Return the weight of each row of X, over all its pairs."""
    if rows.table_row is None:
        return rows.sample_weight
    return np.bincount(rows.table_row, rows.sample_weight, rows.X.shape[0]).astype(np.float64)

"""A network fitted to few rows of a new task from one that knows others: linear probe first, then all layers."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from crosstask.neural._design import NetDesign, from_arrays, to_arrays
from crosstask.neural._history import TrainingHistory
from crosstask.neural._inputs import learn_scaling
from crosstask.neural._options import check_tuning_options
from crosstask.neural._rebuilt import Array, RebuiltNet, seed_of
from crosstask.neural._source import NetSource, fitted_net, read_source, trunk_state
from crosstask.neural._torch import own_seed, pick_device, require_torch
from crosstask.tasks._frames import as_table, check_one_target_a_row

if TYPE_CHECKING:
    from crosstask.neural._network import Network

ENOUGH_TO_HOLD_OUT = 4  # rows of the rarest class, or a fifth of the rows of a regression
FEW_EPOCHS = 20  # where nothing can be held out


class FineTunedNet(RebuiltNet, BaseEstimator):
    """Base; a subclass turns y into numbers, fits the probe, and turns predictors into an answer."""

    history_: TrainingHistory

    def __init__(
        self,
        source: Any = None,
        *,
        source_task: Any = None,
        hidden_layer_sizes: Any = (64, 64),
        probe_first: bool = True,
        l2_sp: float = 0.001,
        layer_decay: float = 0.5,
        frozen_layers: int = 0,
        gradual_unfreezing: bool = False,
        learning_rate_init: float = 0.001,
        batch_size: int | str = "auto",
        max_epochs: int = 100,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.2,
        n_iter_no_change: int = 10,
        dtype: str = "float32",
        device: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.source = source
        self.source_task = source_task
        self.hidden_layer_sizes = hidden_layer_sizes
        self.probe_first = probe_first
        self.l2_sp = l2_sp
        self.layer_decay = layer_decay
        self.frozen_layers = frozen_layers
        self.gradual_unfreezing = gradual_unfreezing
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.dtype = dtype
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Fit a linear probe on the source's representation, then all layers from there.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns), or array of shape (n_rows, ...) where the source takes it
            The target's rows.
        y : array-like of shape (n_rows,)
            The target's values or classes.

        Returns
        -------
        Self
        """
        require_torch(type(self).__name__)
        check_tuning_options(self)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        hidden = tuple(int(k) for k in np.atleast_1d(self.hidden_layer_sizes))
        fresh = NetDesign(0, (), 1, 1, hidden=hidden, dtype=self.dtype)
        source = read_source(self.source, self.source_task, fresh)
        targets = column_or_1d(y, warn=True)
        if not len(targets):
            raise ValueError("X has no rows (0 sample(s)): pass at least two.")
        numbers, strata = self._read_target(targets)
        inputs = self._open(X, source, fit=True)
        check_one_target_a_row(inputs, targets)
        seed = seed_of(self.random_state)
        with own_seed(seed, pick_device(self.device)):
            self._tune(inputs, numbers, strata, source, seed)
        return self

    def _tune(self, inputs: Array, y: Array, strata: NDArray[np.intp], source: NetSource, seed: int) -> None:
        """Choose the number of epochs on rows held out where there are enough, then tune on all rows."""
        held = self._held_out(strata, seed)
        everything = np.ones(len(y), dtype=bool)
        net = self._start(inputs, source)
        if held is None:
            epochs = min(self.max_epochs, FEW_EPOCHS) if self.early_stopping == "auto" else self.max_epochs
            self._probe(net, inputs, y, source)
            self.history_ = self._descend(net, inputs, y, everything, None, epochs, seed)
            self.n_iter_ = self.history_.best_epoch
        else:
            start = to_arrays(net)
            self._probe(net, inputs[~held], y[~held], source)
            self.history_ = self._descend(net, inputs, y, ~held, held, self.max_epochs, seed)
            self.n_iter_ = self.history_.best_epoch
            if self.history_.stopped != "by hand":
                from_arrays(net, start)
                self._probe(net, inputs, y, source)
                if self.n_iter_ > 0:
                    self.n_iter_ = self._descend(net, inputs, y, everything, None, self.n_iter_, seed).best_epoch
        self._keep(net)

    def _start(self, inputs: Array, source: NetSource) -> Network:
        """Return a net with the source's trunk and a head of zeros."""
        import torch

        from crosstask.neural._network import build_network, refuse_fractions

        n_numbers = inputs.shape[1] if source.state is None else source.design.n_numbers
        changes: dict[str, Any] = {"n_tasks": 1, "n_outputs": self._n_outputs(source), "heads": "linear"}
        self.design_ = replace(source.design, n_numbers=n_numbers, dtype=self.dtype, **changes)
        net = build_network(self.design_, module=source.module, sample=torch.as_tensor(inputs[:3]))
        refuse_fractions(net, inputs)
        if source.state is not None:
            from_arrays(net.trunk, trunk_state(source.state))
        return net.to(pick_device(self.device))

    def _probe(self, net: Network, inputs: Array, y: Array, source: NetSource) -> None:
        """Set the head to the solution of a convex problem on the representation, drawn to the source's head."""
        import torch

        from crosstask.neural._network import predict_in_parts

        if not self.probe_first:
            return
        hidden = predict_in_parts(net, torch.as_tensor(inputs), None, features=True)
        coef, intercept = self._fit_probe(hidden, y, source)
        with torch.no_grad():
            head: Any = net.heads
            head.weight.copy_(torch.as_tensor(coef.reshape(1, -1)))
            head.intercept.copy_(torch.as_tensor(intercept.reshape(1, -1)))

    def _descend(
        self, net: Network, inputs: Array, y: Array, rows: NDArray[np.bool_], held: Any, epochs: int, seed: int
    ) -> TrainingHistory:
        """Tune the layers that are not frozen."""
        import torch

        from crosstask.neural._layers import hold_to_source, layers_of, rate_groups, unfreeze_from_the_top
        from crosstask.neural._rows import NetRows
        from crosstask.neural._train import TrainingPlan, train

        if epochs == 0:
            return TrainingHistory(np.zeros(0), np.zeros(0), 0, "max_epochs")
        layers = layers_of(net.trunk)
        for layer in layers[: self.frozen_layers]:
            for value in layer:
                value.requires_grad_(False)
        kind, device = net.heads.intercept.dtype, net.heads.intercept.device

        def tensors(chosen: NDArray[np.bool_]) -> NetRows:
            X, target = (torch.as_tensor(a[chosen], dtype=kind, device=device) for a in (inputs, self._scaled(y)))
            codes = torch.zeros(len(X), dtype=torch.long, device=device)
            return NetRows(X, target, torch.ones_like(target), codes, 1)

        free = [value for value in net.parameters() if value.requires_grad]
        head = list(net.heads.parameters())
        plan = TrainingPlan(
            learning_rate=self.learning_rate_init,
            weight_decay=0.0,
            batch_size=self.batch_size,
            max_epochs=epochs,
            patience=self.n_iter_no_change,
            weighting="mean",
            aggregator=None,
            seed=seed,
            verbose=int(self.verbose),
            groups=rate_groups(layers, head, self.learning_rate_init, self.layer_decay),
            penalty=hold_to_source(free, self.l2_sp) if self.l2_sp > 0 else None,
            before_epoch=unfreeze_from_the_top(layers) if self.gradual_unfreezing else None,
            start_counts=True,
        )
        history = train(net, tensors(rows), None if held is None else tensors(held), self._row_loss(), plan)
        for value in net.parameters():
            value.requires_grad_(True)
        return history

    def _held_out(self, strata: NDArray[np.intp], seed: int) -> NDArray[np.bool_] | None:
        """Mark rows held out, of every class; None where there are too few to hold any out."""
        sizes = np.bincount(strata)
        fewest = int(sizes[sizes > 0].min())
        enough = fewest if len(sizes) > 1 else fewest // 5
        if not self.early_stopping or self.max_epochs == 0:
            return None
        if self.early_stopping == "auto" and enough < ENOUGH_TO_HOLD_OUT:
            return None
        rng = np.random.default_rng(seed)
        rank = np.zeros(len(strata))
        for stratum in np.unique(strata):
            rows = np.flatnonzero(strata == stratum)
            rank[rows[rng.permutation(len(rows))]] = (np.arange(len(rows)) + 0.5) / len(rows)
        held = rank < self.validation_fraction
        return held if held.any() and not held.all() else None

    def _predictors(self, X: Any) -> Array:
        """Return z, (n_rows, K)."""
        import torch

        from crosstask.neural._network import predict_in_parts, refuse_fractions

        check_is_fitted(self, "state_")
        inputs = self._open(X, None, fit=False)
        net = self._network()
        refuse_fractions(net, inputs)
        return predict_in_parts(net, torch.as_tensor(inputs), None)[:, 0]

    def _trunk_module(self) -> Any:
        return read_source(self.source, self.source_task, self.design_).module

    def _units(self) -> tuple[Array, Array]:
        return np.atleast_1d(getattr(self, "scale_", 1.0)), np.atleast_1d(getattr(self, "mean_", 0.0))

    def _open(self, X: Any, source: NetSource | None, *, fit: bool) -> Array:
        """Check X and return the input of the net."""
        array = X if hasattr(X, "columns") or hasattr(X, "tocsr") else np.asarray(X)
        images = getattr(array, "ndim", 2) > 2
        shape = tuple(int(k) for k in array.shape[1:]) if images else None
        if not fit and shape != self.input_shape_:
            raise ValueError(f"X has rows of shape {shape}, and the network was fitted on {self.input_shape_}.")
        if images:
            self.input_shape_, self.n_features_in_ = shape, int(np.prod(array.shape[1:]))
            values = np.asarray(array, dtype=np.float64)
            if not np.isfinite(values).all():
                raise ValueError(f"X contains NaN or infinite values, which {type(self).__name__} cannot take.")
            return values
        table = as_table(array)
        validate_data(self, table, skip_check_array=True, reset=fit)
        if fit:
            assert source is not None
            if table.shape[0] == 0:
                raise ValueError("X has no rows (0 sample(s)): pass at least two.")
            self.input_shape_ = None
            known = source.scaling
            if known is not None and len(known.mean) + len(known.positions) != table.shape[1]:
                raise ValueError(
                    f"the source was fitted on {len(known.mean) + len(known.positions)} columns, X has "
                    f"{table.shape[1]}: give both the same columns."
                )
            self.scaling_ = known or learn_scaling(self, table, None, source.module is None, None)
        return self.scaling_(self, table)

    def forgetting(self, X: Any, y: Any, *, task: Any = None) -> dict[str, float]:
        """Measure what the source's own rows lose by the tuning, under the source's own head.

        Parameters
        ----------
        X, y, task
            Rows of the source's tasks, as its ``score`` takes them.

        Returns
        -------
        dict
            ``before`` and ``after``: the source's score with its own trunk, and with the tuned one.

        Raises
        ------
        ValueError
            If the source is not a fitted network of ours.
        """
        check_is_fitted(self, "state_")
        model = fitted_net(self.source)
        if model is None:
            raise ValueError("forgetting needs a source with a head: a fitted MultiTaskMLPRegressor or -Classifier.")
        given = {"task": task} if hasattr(model, "tasks_") else {}
        tuned: Any = copy.copy(model)
        kept = {f"trunk.{name}": value for name, value in trunk_state(self.state_).items()}
        tuned.state_ = {**model.state_, **kept}
        tuned.__dict__.pop("_net", None)
        return {"before": float(model.score(X, y, **given)), "after": float(tuned.score(X, y, **given))}

    def _read_target(self, y: NDArray[Any]) -> tuple[Array, NDArray[np.intp]]:
        raise NotImplementedError

    def _n_outputs(self, source: NetSource) -> int:
        raise NotImplementedError

    def _fit_probe(self, hidden: Array, y: Array, source: NetSource) -> tuple[Array, Array]:
        raise NotImplementedError

    def _scaled(self, y: Array) -> Array:
        raise NotImplementedError

    def _row_loss(self) -> Any:
        raise NotImplementedError

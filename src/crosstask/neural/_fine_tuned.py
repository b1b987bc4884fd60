"""Fine-tuning of networks: a linear probe first, then all layers, held to the source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin

from crosstask.multitask._wrapper import learn_classes
from crosstask.neural._answers import likeliest, probabilities_of, scores_of
from crosstask.neural._fine_tuned_base import FineTunedNet
from crosstask.neural._rebuilt import Array
from crosstask.neural._source import NetSource, in_unit, unit_of
from crosstask.tasks._target import check_target
from crosstask.transfer import PriorClassifier, PriorRegressor


class FineTunedNetRegressor(RegressorMixin, FineTunedNet):
    r"""Fine-tune a network to the rows of a new task, starting from one that knows others.

    .. math::
        \min_{\theta, w, b} \frac1n \sum_i \big(y_i - w'\phi_\theta(x_i) - b\big)^2
        + \tfrac{\beta}{2} \big(|\theta - \theta_0|^2 + |w - w_0|^2 + |b - b_0|^2\big)

    :math:`\theta_0` are the source's weights, and :math:`w_0, b_0` a linear probe: ridge regression on the frozen
    representation, drawn to the source's own head as far as held-out rows allow (:class:`crosstask.PriorRegressor`).
    Training starts at the probe and stops early; the probe itself counts as one of the stops.

    Parameters
    ----------
    source : fitted network in FrozenEstimator(..), torch.nn.Module, or class or function that makes one, default=None
        A :class:`MultiTaskMLPRegressor` or ``-Classifier`` with trunk "shared" or a module of its own, or a net that
        was fine-tuned or distilled itself; or any trunk (n, ...) to (n, k). It is not changed. None starts from random
        weights: no transfer, the honest baseline.
    source_task : task id, default=None
        Whose head the probe is drawn to; None takes the mean of the source's heads.
    hidden_layer_sizes : int or sequence of int, default=(64, 64)
        For ``source=None``.
    probe_first : bool, default=True
        False starts from a random head, which distorts the representation before the head has settled.
    l2_sp : float, default=0.001
        :math:`\beta`.
    layer_decay : float, default=0.5
        Each layer learns this much slower than the one above it.
    frozen_layers : int, default=0
        Layers from the input on that stay as they are.
    gradual_unfreezing : bool, default=False
        Start with the head alone and let one layer more learn each epoch, from the top.
    learning_rate_init : float, default=0.001
        Of AdamW, for the head.
    batch_size : int or "auto", default="auto"
        As in :class:`MultiTaskMLPRegressor`.
    max_epochs : int, default=100
        0 is the probe alone.
    early_stopping : bool or "auto", default="auto"
        The number of epochs is chosen on rows held out, then all rows are used. "auto" holds rows out where every class
        has four (a regression 20 rows), and otherwise makes at most 20 epochs.
    validation_fraction : float, default=0.2
        Share held out.
    n_iter_no_change : int, default=10
        Epochs without gain after which the choice ends.
    dtype, device, random_state, verbose
        As in :class:`MultiTaskMLPRegressor`.

    Attributes
    ----------
    state_ : dict of str to ndarray
        All weights.
    history_ : TrainingHistory
        Losses of each epoch; ``best_epoch`` 0 is the probe.
    n_iter_ : int
        Epochs that the final weights have seen.
    probe_ : PriorRegressor
        The probe on all rows.

    Raises
    ------
    ImportError, ValueError, NotFittedError
        No PyTorch; a source that is no network or not fitted; X that it cannot take.

    See Also
    --------
    crosstask.FineTunedRegressor : the same for linear models.

    Notes
    -----
    When not to use it: a source whose representation does not fit the target. Then the probe is all that helps, and a
    linear model on X itself may be ahead; compare with ``source=None`` and with ``max_epochs=0``.

    References
    ----------
    A. Kumar et al. (2022). Fine-tuning can distort pretrained features and underperform out-of-distribution. ICLR.

    X. Li, Y. Grandvalet and F. Davoine (2018). Explicit inductive bias for transfer learning with convolutional
    networks. ICML.

    J. Howard and S. Ruder (2018). Universal language model fine-tuning for text classification. ACL.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.frozen import FrozenEstimator
    >>> from crosstask.neural import FineTunedNetRegressor, MultiTaskMLPRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.normal(size=(600, 2)), np.repeat([0, 1, 2], 200)
    >>> source = MultiTaskMLPRegressor((32, 32)).fit(X, np.sin(2 * X[:, 0]) * (1.0 + task), task=task)
    >>> new = rng.normal(size=(40, 2))
    >>> model = FineTunedNetRegressor(FrozenEstimator(source)).fit(new, -np.sin(2 * new[:, 0]))
    >>> bool(model.score(X, -np.sin(2 * X[:, 0])) > 0.8)
    True
    """

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the value predicted for each row."""
        return self._predictors(X)[:, 0] * self.scale_ + self.mean_

    def _read_target(self, y: NDArray[Any]) -> tuple[Array, NDArray[np.intp]]:
        values = check_target(y, classification=False)
        if len(values) < 2:
            raise ValueError(f"y has {len(values)} row (n_samples={len(values)}), and fine-tuning needs at least two.")
        self.mean_, deviation = float(values.mean()), float(values.std())
        self.scale_ = deviation if deviation > 0 else 1.0
        return values, np.zeros(len(values), dtype=np.intp)

    def _n_outputs(self, source: NetSource) -> int:
        return 1

    def _fit_probe(self, hidden: Array, y: Array, source: NetSource) -> tuple[Array, Array]:
        head = None if source.head is None or source.head.classes is not None else source.head
        unit = unit_of(hidden)
        model = PriorRegressor(in_unit(head, unit), standardize=False, random_state=0)
        self.probe_ = model.fit(hidden / unit, y)
        coef = self.probe_.coef_ / (unit * self.scale_)
        return coef, np.atleast_1d((self.probe_.intercept_ - self.mean_) / self.scale_)

    def _scaled(self, y: Array) -> Array:
        return (y - self.mean_) / self.scale_

    def _row_loss(self) -> Any:
        from crosstask.neural._objective import RowLoss

        return RowLoss(None)


class FineTunedNetClassifier(ClassifierMixin, FineTunedNet):
    r"""Fine-tune a network to the rows of a new classification task, starting from one that knows others.

    As :class:`FineTunedNetRegressor`, with the log loss, and a probe that is logistic regression toward the source's
    head (:class:`crosstask.PriorClassifier`). Classes are matched by label: those that the source does not know get new
    heads, those that the target lacks keep the source's.

    Parameters
    ----------
    source, source_task, hidden_layer_sizes, probe_first, l2_sp, layer_decay, frozen_layers, gradual_unfreezing, \
    learning_rate_init, batch_size, max_epochs, early_stopping, validation_fraction, n_iter_no_change, dtype, device, \
    random_state, verbose
        As in :class:`FineTunedNetRegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Of the target and of the source, sorted.
    state_, history_, n_iter_, probe_
        As in :class:`FineTunedNetRegressor`.

    Raises
    ------
    ImportError, ValueError, NotFittedError
        As :class:`FineTunedNetRegressor`; and one class only.

    Notes
    -----
    When not to use it: see :class:`FineTunedNetRegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.frozen import FrozenEstimator
    >>> from crosstask.neural import FineTunedNetClassifier, MultiTaskMLPClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2))
    >>> ring = np.where((X**2).sum(axis=1) > 1.4, "out", "in")
    >>> source = MultiTaskMLPClassifier((32, 32)).fit(X, ring)
    >>> new = 1.2 * rng.normal(size=(20, 2)) + 0.2
    >>> label = np.where((new**2).sum(axis=1) > 2.0, "out", "in")
    >>> model = FineTunedNetClassifier(FrozenEstimator(source)).fit(new, label)
    >>> bool(model.score(X, ring) > 0.8)
    True
    """

    classes_: NDArray[Any]

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the log odds of the second class, shape (n_rows,), or a score of each class."""
        return scores_of(self._predictors(X))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, columns in the order of ``classes_``."""
        return probabilities_of(self.decision_function(X), len(self.classes_))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row."""
        return likeliest(self.decision_function(X), self.classes_)

    def _read_target(self, y: NDArray[Any]) -> tuple[Array, NDArray[np.intp]]:
        labels = check_target(y, classification=True)
        self._own = learn_classes(labels, self)
        positions = np.searchsorted(self._own, labels)
        return positions.astype(np.float64), positions

    def _n_outputs(self, source: NetSource) -> int:
        known = None if source.head is None else source.head.classes
        names = self._own if known is None else np.asarray(known)
        self._matched = known is not None and bool(np.isin(self._own, names).any())
        self.classes_ = np.union1d(self._own, names) if self._matched else self._own
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _fit_probe(self, hidden: Array, y: Array, source: NetSource) -> tuple[Array, Array]:
        head = source.head if self._matched else None
        unit = unit_of(hidden)
        model = PriorClassifier(in_unit(head, unit), standardize=False, random_state=0)
        self.probe_ = model.fit(hidden / unit, self._own[y.astype(np.intp)])
        return np.asarray(self.probe_.coef_) / unit, np.asarray(self.probe_.intercept_)

    def _scaled(self, y: Array) -> Array:
        return np.searchsorted(self.classes_, self._own[y.astype(np.intp)]).astype(np.float64)

    def _row_loss(self) -> Any:
        from crosstask.neural._objective import RowLoss

        return RowLoss(len(self.classes_))

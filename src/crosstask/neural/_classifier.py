"""A neural network for the classification of many tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight

from crosstask.multitask._wrapper import learn_classes
from crosstask.neural._answers import likeliest, probabilities_of, scores_of
from crosstask.neural._base import Array, MultiTaskNet, Target
from crosstask.neural._targets import class_scaling
from crosstask.tasks import TaskData, TaskRows


class MultiTaskMLPClassifier(MultiTaskNet, ClassifierMixin, BaseEstimator):
    r"""Neural network that classifies in many tasks: a shared representation :math:`\phi`, and a head for each task.

    .. math::
        \min_{\phi, W, b} \frac{1}{\sum_i c_{t_i} s_i} \sum_i c_{t_i} s_i\,
        L\big(y_i, W_{t_i} \phi(x_i) + b_{t_i}\big) / \log K

    with the logistic loss, or the multinomial one for K > 2 classes. A task that misses a class gets weak prior rows,
    one of each class at the mean of its rows, of weight 1/2, as in :class:`crosstask.MultiTaskClassifier` (not where
    X has more than two axes).

    Parameters
    ----------
    hidden_layer_sizes, activation, dropout, trunk, n_experts, module, heads, rank, tie, weighting, aggregator, \
    task_weight, learning_rate_init, weight_decay, batch_size, max_epochs, early_stopping, validation_fraction, \
    n_iter_no_change, standardize, categorical_features, task_column, unseen_task, dtype, device, random_state, verbose
        As in :class:`MultiTaskMLPRegressor`.
    class_weight : dict or "balanced", default=None
        As in scikit-learn, over the rows of all tasks; multiplies the sample weights.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Union of the tasks' classes.
    tasks_, state_, history_, n_iter_
        As in :class:`MultiTaskMLPRegressor`.

    Raises
    ------
    ImportError, ValueError
        As :class:`MultiTaskMLPRegressor`; and one class over all tasks.

    Notes
    -----
    When not to use it: see :class:`MultiTaskMLPRegressor`. Probabilities of a net that was stopped early are usually
    near calibrated, those of one trained to the end are not.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.normal(size=(300, 2)), np.repeat(["a", "b", "c"], 100)
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "opposite")
    >>> model = MultiTaskMLPClassifier((32, 32)).fit(X, y, task=task)
    >>> bool(model.score(X, y, task=task) > 0.9)
    True
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        hidden_layer_sizes: Any = (64, 64),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        trunk: str = "shared",
        n_experts: int = 4,
        module: Any = None,
        heads: str = "linear",
        rank: int = 4,
        tie: float = 0.1,
        weighting: str = "mean",
        aggregator: Any = None,
        task_weight: str = "rows",
        class_weight: Any = None,
        learning_rate_init: float = 0.003,
        weight_decay: float = 0.1,
        batch_size: int | str = "auto",
        max_epochs: int = 300,
        early_stopping: bool = True,
        validation_fraction: float = 0.2,
        n_iter_no_change: int = 20,
        standardize: bool = True,
        categorical_features: Any = None,
        task_column: str | int | None = None,
        unseen_task: str = "error",
        dtype: str = "float32",
        device: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.trunk = trunk
        self.n_experts = n_experts
        self.module = module
        self.heads = heads
        self.rank = rank
        self.tie = tie
        self.weighting = weighting
        self.aggregator = aggregator
        self.task_weight = task_weight
        self.class_weight = class_weight
        self.learning_rate_init = learning_rate_init
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.standardize = standardize
        self.categorical_features = categorical_features
        self.task_column = task_column
        self.unseen_task = unseen_task
        self.dtype = dtype
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the log odds of the second class, shape (n_rows,), or a score of each class.

        At the wide door a second axis runs over the tasks.
        """
        z, _, rows = self._predictors(X, task)
        return rows.restore(scores_of(z))

    def predict_proba(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the probability of each class, columns in the order of ``classes_``.

        At the wide door the shape is (n_rows, n_tasks, n_classes).
        """
        return probabilities_of(self.decision_function(X, task=task), len(self.classes_))

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the most probable class of each row, or of each (row, task) at the wide door."""
        return likeliest(self.decision_function(X, task=task), self.classes_)

    def _read_target(self, rows: TaskRows, inputs: Array) -> Target:
        assert rows.y is not None
        self.classes_ = learn_classes(rows.y, self)
        n_classes, positions = len(self.classes_), np.searchsorted(self.classes_, rows.y)
        if self.class_weight is not None:
            given = np.ones(len(positions)) if rows.sample_weight is None else rows.sample_weight
            if isinstance(self.class_weight, str) and self.class_weight == "balanced":
                totals = np.bincount(positions, given, n_classes)
                by_class = totals.sum() / (n_classes * totals)
            else:
                by_class = compute_class_weight(self.class_weight, classes=self.classes_, y=rows.y)
            rows = replace(rows, sample_weight=given * by_class[positions])
        data = TaskData.from_rows(rows, inputs, positions, n_classes=n_classes)
        if self.input_shape_ is None:
            data = data.with_prior_rows()
        return Target(data, class_scaling(data.n_tasks), n_classes, None)

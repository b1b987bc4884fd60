"""A neural network for the regression of many tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, RegressorMixin

from crosstask.neural._base import Array, MultiTaskNet, Target
from crosstask.neural._targets import learn_target_scaling
from crosstask.tasks import TaskData, TaskIndex, TaskRows, as_task_ids

LOSSES = ("squared", "logistic")


class MultiTaskMLPRegressor(MultiTaskNet, RegressorMixin, BaseEstimator):
    r"""Neural network for many tasks: a shared representation :math:`\phi`, and a head for each task.

    .. math::
        \min_{\phi, W, b} \frac{1}{\sum_i c_{t_i} s_i} \sum_i c_{t_i} s_i\,
        \big(\tilde y_i - w_{t_i}'\phi(x_i) - b_{t_i}\big)^2, \qquad \tilde y = (y - \mu_t) / \sigma_t

    Every task's target is scaled by its own mean and deviation (a task of few rows borrows the deviation), so that
    the loss of 1 is what a task's mean costs, and no task drowns the others. Training is by AdamW with early stopping
    on rows that are held out of every task.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(64, 64)
        Width of each layer of the trunk.
    activation : {"relu", "tanh", "gelu"}, default="relu"
        Between the layers.
    dropout : float, default=0.0
        Share of hidden units set to zero in training.
    trunk : {"shared", "mmoe", "ple"}, default="shared"
        Hard sharing; experts with a gate for each task; or layers of own and shared experts, for 50 tasks at most.
    n_experts : int, default=4
        Experts of "mmoe"; own and shared ones together of "ple".
    module : torch.nn.Module, or class or function that makes one, default=None
        A trunk of your own instead, (n, ...) to (n, k). X may then have more than two axes, and is not standardised. A
        trunk that begins with an embedding of words gets whole numbers. A
        module's weights are the start of training; the module itself is not changed. Give a class
        or a function if the model is to be saved: then ``load`` needs its name in ``trusted=``.
    heads : {"linear", "low_rank", "mean_tied", "film"}, default="linear"
        :math:`w_t` free; :math:`w_0 + U v_t`; free with a penalty on the distance to their mean; or one head on
        features that each task scales, :math:`w_0 \circ (1 + g_t)`. The last three are for many tasks of few rows.
    rank : int, default=4
        Columns of U.
    tie : float, default=0.1
        Penalty of "mean_tied".
    loss : "squared", "logistic", or dict of task id to one of these, default="squared"
        A task with "logistic" has a target of 0 and 1, and ``predict`` gives the probability of 1: the mean of y given
        x, as for the other tasks. A dict mixes both; tasks that it does not name are "squared".
    weighting : {"mean", "uncertainty", "log", "worst_group"}, default="mean"
        Of the tasks' losses: their shares; learned variances; the inverse loss, free of scales; more for the worst.
    aggregator : "upgrad", or an aggregator or weighting of torchjd, default=None
        Combines exact gradients of each task instead of a sum of losses; it must work on their Gramian. The weights it
        gives are used for four steps, so long as these show the same tasks.
    task_weight : {"rows", "equal"}, default="rows"
        c_t = 1, or n / (T n_t): every row, or every task, counts the same.
    learning_rate_init : float, default=0.003
        Of AdamW. It means the same under every weighting, whose weights add up to one.
    weight_decay : float, default=0.1
        Of AdamW, on weights; intercepts do not decay.
    batch_size : int or "auto", default="auto"
        Rows of a step. "auto": a sixteenth of them, at least 32 and at most 4096. From 1000 tasks on a step holds
        whole tasks.
    max_epochs : int, default=300
        Most passes over the rows.
    early_stopping : bool, default=True
        Hold rows of every task out, and keep the weights of the epoch that did best on them.
    validation_fraction : float, default=0.2
        Share of each task's rows (and classes') that is held out.
    n_iter_no_change : int, default=20
        Epochs without gain after which training ends.
    standardize : bool, default=True
        Centre and scale the columns of X.
    categorical_features : sequence of str or int, default=None
        Columns that hold categories, text or numbers; each gets a learned embedding, an unknown value zeros.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
    unseen_task : {"error", "mean", "pooled"}, default="error"
        For rows of tasks that fit has not seen: refuse; the mean of the heads; or a linear head fitted to the rows of
        all tasks on the representation.
    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision. "bfloat16" computes the trunk in it and keeps weights in float32.
    device : str, default="auto"
        "cpu", "cuda", ..; "auto" takes a GPU where there is one.
    random_state : int, RandomState instance or None, default=None
        None means 0, so that the same call gives the same model.
    verbose : int, default=0
        1 shows a bar with the losses.

    Attributes
    ----------
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.
    state_ : dict of str to ndarray
        All weights.
    history_ : TrainingHistory
        Losses of each epoch; ``history_.frame()`` and ``history_.plot()``.
    n_iter_ : int
        Epochs made.
    target_scaling_ : TargetScaling
        mean and scale of each task's target.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        X with gaps or text (the columns are named), options that are not known, training that diverged, or what the
        doors refuse.

    Notes
    -----
    Heads are one tensor: a step costs the same few operations for 10 and for 1000 tasks. Ctrl-C keeps the best weights.

    When not to use it: few rows and effects that are near linear. There the linear estimators are ahead, and
    a tuned ridge of each task may be (docs/neural.md has the table); put the network into
    :class:`crosstask.TransferGuard`, which keeps a task from paying for it.

    References
    ----------
    R. Caruana (1997). Multitask learning. Machine Learning 28, 41-75.

    J. Ma et al. (2018). Modeling task relationships in multi-task learning with multi-gate mixture-of-experts. KDD.

    H. Tang, J. Liu, M. Zhao and X. Gong (2020). Progressive layered extraction. RecSys.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.normal(size=(300, 2)), np.repeat(["a", "b", "c"], 100)
    >>> y = np.sin(2 * X[:, 0]) * np.where(task == "c", 100.0, 1.0)
    >>> model = MultiTaskMLPRegressor((32, 32), max_epochs=200).fit(X, y, task=task)
    >>> bool(model.score(X, y, task=task) > 0.9)
    True
    """

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
        loss: Any = "squared",
        weighting: str = "mean",
        aggregator: Any = None,
        task_weight: str = "rows",
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
        self.loss = loss
        self.weighting = weighting
        self.aggregator = aggregator
        self.task_weight = task_weight
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

    def predict(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the mean of y given x for each row, or for each (row, task) at the wide door."""
        z, codes, rows = self._predictors(X, task)
        value = z[:, 0]
        pooled = (codes < 0) & (self.unseen_task == "pooled")  # that head answers on the scale of y
        value = np.where(pooled, value, self.target_scaling_.invert(value, codes))
        value = np.where(np.append(self.logistic_, self.logistic_.all())[codes], expit(value), value)
        return rows.restore(value)

    def _read_target(self, rows: TaskRows, inputs: Array) -> Target:
        assert rows.y is not None
        logistic = self._logistic_tasks(rows)
        mixed = logistic.any() and not logistic.all()
        if mixed and self.unseen_task != "error":
            raise ValueError("an unseen task has no loss of its own where loss= mixes two: use unseen_task='error'.")
        if logistic.any() and self.unseen_task == "pooled":
            raise ValueError("unseen_task='pooled' is for loss='squared' and for MultiTaskMLPClassifier: use 'mean'.")
        self.logistic_ = logistic
        data = TaskData.from_rows(rows, inputs, rows.y)
        return Target(data, learn_target_scaling(data, logistic), None, logistic if logistic.any() else None)

    def _logistic_tasks(self, rows: TaskRows) -> NDArray[np.bool_]:
        """Return which tasks have the logistic loss."""
        named: Any = self.loss if isinstance(self.loss, dict) else {}
        whole = "squared" if isinstance(self.loss, dict) else self.loss
        for value in (whole, *named.values()):
            if value not in LOSSES:
                raise ValueError(
                    f"loss={self.loss!r} is not known: use 'squared', 'logistic', or a dict of task to one of them."
                )
        logistic = np.full(rows.n_tasks, whole == "logistic")
        if named:
            places = TaskIndex(rows.tasks).encode(as_task_ids(list(named), len(named), "loss="), "loss=")
            if (places < 0).any():
                unknown = [task for task, place in zip(named, places, strict=True) if place < 0]
                raise ValueError(f"loss= names the task {unknown[0]!r}, which y does not have.")
            logistic[places] = [value == "logistic" for value in named.values()]
        assert rows.y is not None
        odd = logistic[rows.codes] & ~np.isin(rows.y, (0.0, 1.0))
        if odd.any():
            first = int(np.flatnonzero(odd)[0])
            raise ValueError(
                f"task {rows.tasks[rows.codes[first]].item()!r} has loss='logistic' and y = {rows.y[first]:g}: its "
                "target must be 0 or 1."
            )
        return logistic

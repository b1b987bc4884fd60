"""What a fitted guard shows: frames made on use, so that nothing but arrays and plain types is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

GAIN_COLUMNS = ("n", "own_loss", "guarded_loss", "gain", "low", "high")


class GuardResults:
    """The shown attributes of :class:`~crosstask.guard.TransferGuard`."""

    tasks_: NDArray[Any]
    findings_: list[tuple[str, str]]
    own_: str
    _names: list[str]
    _fitted: list[Any]
    _weights: NDArray[np.float64]
    _unseen_weights: NDArray[np.float64]
    _losses: NDArray[np.float64]
    _gain: dict[str, NDArray[Any]]
    _calibration: dict[str, NDArray[np.float64]]

    @property
    def candidates_(self) -> dict[str, Any]:
        """The candidates, fitted on all rows, by name."""
        check_is_fitted(self)
        return dict(zip(self._names, self._fitted, strict=True))

    @property
    def weights_(self) -> Any:
        """Weights of the candidates in each task, a frame (tasks x candidates)."""
        return self._frame("_weights")

    @property
    def candidate_losses_(self) -> Any:
        """Mean out-of-fold loss of each candidate in each task, a frame (tasks x candidates)."""
        return self._frame("_losses")

    def _frame(self, values: str) -> Any:
        check_is_fitted(self)
        import pandas as pd

        return pd.DataFrame(getattr(self, values), index=pd.Index(self.tasks_, name="task"), columns=list(self._names))

    @property
    def gain_(self) -> Any:
        """Relative reduction of the out-of-fold loss against the own model: a frame, one row a task."""
        check_is_fitted(self)
        import pandas as pd

        return pd.DataFrame({"task": self.tasks_, **{name: self._gain[name] for name in GAIN_COLUMNS}})

    @property
    def verdict_(self) -> Any:
        """What to do with each task and why: a frame that prints as sentences, the harmed first."""
        check_is_fitted(self)
        from crosstask.guard._verdict import make_verdict

        return make_verdict(self)

    @property
    def calibration_(self) -> Any:
        """Predicted and observed shares of held-out rows: a frame (bin, predicted, observed, count)."""
        if not hasattr(self, "_calibration"):
            raise AttributeError("calibration_ exists for classifiers after fit only.")
        import pandas as pd

        return pd.DataFrame(self._calibration)

    def report(self, path: Any, *, target_task: Any, force: bool = False) -> Any:
        """Write the page of one task that is protected from the others, one self-contained HTML file.

        Target only, pooled and transferred (:class:`crosstask.TransferToEach`) stand side by side, always: where one is
        not among the candidates, the page says so. Then the mixture that predicts, and what was made of each source.

        Parameters
        ----------
        path : path-like
            The file; one that exists is refused unless ``force``.
        target_task : task id
            The task.
        force : bool, default=False
            Replace a file that exists.

        Returns
        -------
        pathlib.Path
        """
        from crosstask.report import write_report

        check_is_fitted(self)
        return write_report(self, path, target_task=target_task, force=force)

    def export(self) -> Any:
        """Return one vector of coefficients for each task: a fitted linear model that predicts what the guard predicts.

        The candidates' coefficients are added up with the weights of each task: a weighted sum of linear functions is
        one. For classification the guard must have mixed scores (``mix="linear"``), not probabilities.

        Returns
        -------
        MultiTaskRegressor or MultiTaskClassifier
            With ``coef_``, ``intercept_`` and ``coefficients()``; unseen tasks get what the guard gives them. It takes
            the columns that the candidates took: those that only chose the folds are left out.

        Raises
        ------
        ValueError
            If a candidate that has any weight is not linear in the columns of X, such as one that encodes or clips
            them; it is named.

        Notes
        -----
        Coefficients are read off predictions, so that scalers inside a Pipeline are no obstacle; the result is checked
        at points from near zero to ten thousand.

        Examples
        --------
        >>> from crosstask import MultiTaskRegressor, TransferGuard
        >>> from crosstask.datasets import make_related_tasks
        >>> data = make_related_tasks(n_tasks=3, n_rows=30, n_features=4, random_state=0)
        >>> candidates = [("own", MultiTaskRegressor("independent")), ("tied", MultiTaskRegressor("mean_tied"))]
        >>> guard = TransferGuard(candidates, random_state=0).fit(data.X, data.y, task=data.task)
        >>> linear = guard.export()
        >>> linear.coef_.shape
        (3, 4)
        >>> float(abs(linear.predict(data.X, task=data.task) - guard.predict(data.X, task=data.task)).max().round(9))
        0.0
        """
        from crosstask.guard._export import export_linear

        return export_linear(self)

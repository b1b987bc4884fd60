"""What a fitted linear model shows as data frames, which are made on use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

Array = NDArray[np.float64]


class LinearFrames:
    """Slopes, and the path of alphas, as frames."""

    coef_: Array
    shared_coef_: Array
    columns_: list[str]
    tasks_: NDArray[Any]
    alpha_: Any
    path_: dict[str, Any]

    def coefficients(self) -> Any:
        """Return the slopes as a data frame, one line for each task and feature (and class, where there are several).

        Returns
        -------
        pandas.DataFrame
            Columns ``task``, ``feature``, ``class`` (with several outputs), ``value``, ``shared`` (the centre that
            the coupling ties the tasks to, otherwise their mean) and ``difference`` (value - shared).
        """
        import pandas as pd

        coef = self.coef_[:, None] if self.coef_.ndim == 2 else self.coef_
        shared = np.broadcast_to(self.shared_coef_.reshape(1, *coef.shape[1:]), coef.shape)
        n_tasks, k, d = coef.shape
        frame = {
            "task": np.repeat(self.tasks_, k * d),
            "feature": np.tile(np.asarray(self.columns_, dtype=object), n_tasks * k),
        }
        if k > 1:
            frame["class"] = np.tile(np.repeat(self.classes_, d), n_tasks)  # type: ignore[attr-defined]
        frame |= {"value": coef.ravel(), "shared": shared.ravel(), "difference": (coef - shared).ravel()}
        return pd.DataFrame(frame)

    def path_frame(self) -> Any:
        """Return the held-out losses of ``alpha="auto"`` as a data frame, one line for each alpha and task.

        Returns
        -------
        pandas.DataFrame
            Columns ``alpha`` (falling), ``task``, ``loss`` (the mean over the task's held-out rows; NaN for a task that
            never was held out), ``mean_loss`` (over the held-out rows of all tasks), ``mean_se`` (its standard error)
            and ``chosen`` (True at the alpha that the task was fitted with).

        Raises
        ------
        ValueError
            If alpha was given as a number.

        Examples
        --------
        >>> import numpy as np
        >>> from crosstask import MultiTaskRegressor
        >>> X, task = np.arange(12.0)[:, None] % 5, np.repeat(["a", "b"], 6)
        >>> model = MultiTaskRegressor("pooled", n_alphas=3).fit(X, X[:, 0], task=task)
        >>> frame = model.path_frame()
        >>> frame.pivot(index="alpha", columns="task", values="loss").shape
        (3, 2)
        >>> bool((frame.query("chosen").alpha == model.alpha_).all())
        True
        """
        check_is_fitted(self)
        if not self.path_:
            raise ValueError(
                f"there is no path: the model was fitted at alpha={self.alpha_!r}. Fit with alpha='auto', or call "
                "crosstask.solvers.solve_path for the solutions along given alphas."
            )
        import pandas as pd

        alphas, tasks = self.path_["alpha"], len(self.tasks_)
        own = np.broadcast_to(np.asarray(self.alpha_), tasks)
        every = np.repeat(alphas, tasks)
        return pd.DataFrame(
            {
                "alpha": every,
                "task": np.tile(self.tasks_, len(alphas)),
                "loss": self.path_["task_cv_loss"].ravel(),
                "mean_loss": np.repeat(self.path_["cv_loss"], tasks),
                "mean_se": np.repeat(self.path_["cv_se"], tasks),
                "chosen": every == np.tile(own, len(alphas)),
            }
        )

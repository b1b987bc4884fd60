"""The losses of a fit, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class TrainingHistory:
    """Losses of each epoch.

    Parameters
    ----------
    train_loss, validation_loss : ndarray of shape (n_epochs,)
        Mean loss of the rows trained on, while they were, and of those held out after the epoch (NaN without any). 1 is
        what the mean of a task, or a guess among the classes, costs.
    best_epoch : int
        The epoch, counted from 1, whose weights were kept.
    stopped : {"patience", "max_epochs", "by hand"}
        Why training ended.
    """

    train_loss: NDArray[np.float64]
    validation_loss: NDArray[np.float64]
    best_epoch: int
    stopped: str

    def frame(self) -> pd.DataFrame:
        """Return a frame with the columns ``epoch``, ``train_loss``, ``validation_loss`` and ``kept``."""
        import pandas as pd

        epoch = np.arange(1, len(self.train_loss) + 1)
        return pd.DataFrame(
            {
                "epoch": epoch,
                "train_loss": self.train_loss,
                "validation_loss": self.validation_loss,
                "kept": epoch == self.best_epoch,
            }
        )

    def plot(self, ax: Axes | None = None) -> Any:
        """Draw both losses over the epochs, and return the axes."""
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(figsize=(6.0, 3.5), layout="constrained").subplots()
        epoch = np.arange(1, len(self.train_loss) + 1)
        ax.plot(epoch, self.train_loss, label="rows trained on", color="#0b6fb8")
        if np.isfinite(self.validation_loss).any():
            ax.plot(epoch, self.validation_loss, label="rows held out", color="#c8500a")
        ax.axvline(self.best_epoch, color="#888888", linewidth=0.8, linestyle="--", label="weights kept")
        ax.set(xlabel="epoch", ylabel="loss (1 = task mean or guess)")
        ax.legend(frameon=False)
        return ax

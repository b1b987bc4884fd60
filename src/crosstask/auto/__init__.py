"""The main door: a raw table with a task column in, guarded models, a verdict and a report out."""

from crosstask.auto._classifier import CrossTaskClassifier
from crosstask.auto._encoded import EncodedTasks
from crosstask.auto._reader import TableReader
from crosstask.auto._regressor import CrossTaskRegressor

__all__ = ["CrossTaskClassifier", "CrossTaskRegressor", "EncodedTasks", "TableReader"]

"""Neural networks across tasks: shared representations and transfer, with scikit-learn's interface. Needs PyTorch."""

from crosstask.neural._classifier import MultiTaskMLPClassifier
from crosstask.neural._regressor import MultiTaskMLPRegressor

__all__ = ["MultiTaskMLPClassifier", "MultiTaskMLPRegressor"]

"""Neural networks across tasks: shared representations and transfer, with scikit-learn's interface. Needs PyTorch."""

from crosstask.neural._classifier import MultiTaskMLPClassifier
from crosstask.neural._distilled import Distilled
from crosstask.neural._fine_tuned import FineTunedNetClassifier, FineTunedNetRegressor
from crosstask.neural._frozen_encoder import FrozenEncoder
from crosstask.neural._regressor import MultiTaskMLPRegressor

__all__ = [
    "Distilled",
    "FineTunedNetClassifier",
    "FineTunedNetRegressor",
    "FrozenEncoder",
    "MultiTaskMLPClassifier",
    "MultiTaskMLPRegressor",
]

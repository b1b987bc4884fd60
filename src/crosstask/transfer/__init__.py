"""Transfer: a new task from fitted models of old ones, or from their rows."""

from crosstask.transfer._continued_training import ContinuedTraining
from crosstask.transfer._coral import CORAL
from crosstask.transfer._domain_classifier import DomainClassifierWeights
from crosstask.transfer._easy_adapt_features import EasyAdaptFeatures
from crosstask.transfer._fine_tuned import FineTunedClassifier, FineTunedRegressor
from crosstask.transfer._importance_weighted import ImportanceWeighted
from crosstask.transfer._jda import JDA
from crosstask.transfer._kliep import KLIEP
from crosstask.transfer._kmm import KMM
from crosstask.transfer._label_shift import LabelShiftClassifier
from crosstask.transfer._labelled_rows import LabelledRows
from crosstask.transfer._offset_transfer import OffsetTransfer
from crosstask.transfer._optimal_transport import OptimalTransportMap
from crosstask.transfer._prior import PriorClassifier, PriorRegressor
from crosstask.transfer._source_stacking import SourceStacking
from crosstask.transfer._sources import KnownCoefficients, source_task
from crosstask.transfer._subspace_alignment import SubspaceAlignment
from crosstask.transfer._tca import TCA
from crosstask.transfer._tradaboost import TrAdaBoostClassifier
from crosstask.transfer._tradaboost_r2 import TrAdaBoostR2
from crosstask.transfer._trans_glm import TransGLMClassifier, TransGLMRegressor
from crosstask.transfer._trans_lasso import TransLasso
from crosstask.transfer._transfer_forest import TransferForestClassifier, TransferForestRegressor
from crosstask.transfer._ulsif import ULSIF

__all__ = [
    "CORAL",
    "JDA",
    "KLIEP",
    "KMM",
    "TCA",
    "ULSIF",
    "ContinuedTraining",
    "DomainClassifierWeights",
    "EasyAdaptFeatures",
    "FineTunedClassifier",
    "FineTunedRegressor",
    "ImportanceWeighted",
    "KnownCoefficients",
    "LabelShiftClassifier",
    "LabelledRows",
    "OffsetTransfer",
    "OptimalTransportMap",
    "PriorClassifier",
    "PriorRegressor",
    "SourceStacking",
    "SubspaceAlignment",
    "TrAdaBoostClassifier",
    "TrAdaBoostR2",
    "TransGLMClassifier",
    "TransGLMRegressor",
    "TransLasso",
    "TransferForestClassifier",
    "TransferForestRegressor",
    "source_task",
]

"""The closed list of types that a model file may hold, beyond numbers, text, arrays and scikit-learn's estimators.

skops asks for every type in a file whether it is trusted, before it makes any object. Ours are the classes of this
package that hold fitted state; scikit-learn's are the parts of which its estimators are made, named one by one. The
two node tables of trees are on the list because :mod:`crosstask.persistence._trees` checks every index in them.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import is_dataclass

_MODULE = re.compile(r"crosstask(\.[A-Za-z_][A-Za-z0-9_]*)+")

# Packages of ours whose classes may travel in a file: what is fitted, not what runs or shows it.
_PACKAGES = frozenset(
    {
        "affinity",
        "allocation",
        "auto",
        "couplings",
        "guard",
        "losses",
        "metrics",
        "model_selection",
        "multitask",
        "neural",
        "solvers",
        "tasks",
        "transfer",
    }
)

_SKLEARN_PARTS: dict[str, tuple[str, ...]] = {
    "sklearn._loss.loss": ("HalfTweedieLoss", "HalfTweedieLossIdentity"),
    "sklearn.calibration": ("_CalibratedClassifier", "_SigmoidCalibration", "_TemperatureScaling"),
    "sklearn.compose._column_transformer": ("_RemainderColsList", "make_column_selector"),
    "sklearn.ensemble._hist_gradient_boosting.predictor": ("TreePredictor",),
    "sklearn.feature_selection._mutual_info": ("mutual_info_classif", "mutual_info_regression"),
    "sklearn.feature_selection._univariate_selection": ("chi2", "f_classif", "f_regression", "r_regression"),
    "sklearn.frozen._frozen": ("FrozenEstimator",),
    "sklearn.gaussian_process._gpc": ("_BinaryGaussianProcessClassifierLaplace",),
    "sklearn.gaussian_process.kernels": (
        "CompoundKernel",
        "ConstantKernel",
        "DotProduct",
        "ExpSineSquared",
        "Exponentiation",
        "Matern",
        "Product",
        "RBF",
        "RationalQuadratic",
        "Sum",
        "WhiteKernel",
    ),
    "sklearn.model_selection._split": (
        "GroupKFold",
        "GroupShuffleSplit",
        "KFold",
        "LeaveOneGroupOut",
        "LeaveOneOut",
        "RepeatedKFold",
        "RepeatedStratifiedKFold",
        "ShuffleSplit",
        "StratifiedGroupKFold",
        "StratifiedKFold",
        "StratifiedShuffleSplit",
        "TimeSeriesSplit",
    ),
    "sklearn.neural_network._stochastic_optimizers": ("AdamOptimizer", "SGDOptimizer"),
    "sklearn.tree._tree": ("Tree",),
    "sklearn.utils._bunch": ("Bunch",),
    # A frame with categories reaches gradient boosting through functools.partial(check_array, ..); a partial of any
    # other function is refused for the sake of that function.
    "functools": ("partial",),
    "sklearn.utils.validation": ("check_array",),
    "sklearn.utils._metadata_requests": ("MetadataRequest", "MethodMetadataRequest"),
}

KNOWN_TYPES = frozenset(
    {"numpy.dtype"} | {f"{module}.{name}" for module, names in _SKLEARN_PARTS.items() for name in names}
)


def is_known(type_name: str) -> bool:
    """Tell whether a file may hold this type without the caller's word.

    Parameters
    ----------
    type_name : str
        Full name: module, dot, class.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_known("crosstask.model_selection.TaskKFold"), is_known("builtins.eval"), is_known("crosstask.cli.main")
    (False, False, False)
    """
    return type_name in KNOWN_TYPES or _is_ours(type_name)


def _is_ours(type_name: str) -> bool:
    """Ours is a class, in the very module that defines it, that scikit-learn or dataclasses give its state."""
    from sklearn.base import BaseEstimator

    module_name, _, name = type_name.rpartition(".")
    if _MODULE.fullmatch(module_name) is None or module_name.split(".")[1] not in _PACKAGES:
        return False
    try:
        value = getattr(importlib.import_module(module_name), name, None)
    except ImportError:
        return False
    if not isinstance(value, type) or value.__module__ != module_name:
        return False
    return issubclass(value, BaseEstimator) or is_dataclass(value) or _is_splitter(value)


def _is_splitter(value: type) -> bool:
    return value.__module__.startswith("crosstask.model_selection.") and hasattr(value, "split")

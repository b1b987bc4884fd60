"""Parameters of the candidates under their names, as a Pipeline has them; mixed into TransferGuard."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator

from crosstask.guard._candidates import is_named_list


class NamedCandidates(BaseEstimator):
    """``get_params`` and ``set_params`` that reach the candidates."""

    candidates: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with ``deep`` also each candidate by name, and its own as ``name__parameter``."""
        params = super().get_params(deep=False)
        if deep and is_named_list(self.candidates):
            for name, estimator in self.candidates:
                params.setdefault(name, estimator)  # a candidate may be called "own", which is a parameter too
                inner = estimator.get_params(deep=True).items() if hasattr(estimator, "get_params") else ()
                params.update({f"{name}__{key}": value for key, value in inner})
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``name`` replaces a candidate, ``name__parameter`` sets one of its parameters."""
        own = super().get_params(deep=False)
        super().set_params(**{key: value for key, value in params.items() if key in own})
        rest = {key: value for key, value in params.items() if key not in own}
        names = [name for name, _ in self.candidates] if is_named_list(self.candidates) else []
        replaced = {key: rest.pop(key) for key in list(rest) if key in names}
        if replaced:
            self.candidates = [(name, replaced.get(name, estimator)) for name, estimator in self.candidates]
        estimators = dict(self.candidates) if is_named_list(self.candidates) else {}
        for key, value in rest.items():
            name, _, inner = key.partition("__")
            if not inner or name not in estimators:
                raise ValueError(
                    f"Invalid parameter {key!r} for estimator TransferGuard: its parameters are {sorted(own)}, "
                    f"and name__parameter for the candidates {sorted(estimators)}."
                )
            estimators[name].set_params(**{inner: value})
        return self

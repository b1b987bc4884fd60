"""A pretrained encoder as a transformer, with what it said kept on disk."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Generator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from crosstask.neural._shelf import Shelf, content_key
from crosstask.tasks._target import _is_absent

Array = NDArray[np.float64]
POOLINGS = (None, "mean", "first")


class FrozenEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn texts, images or rows into vectors by a frozen encoder; nothing is learned, and nothing is encoded twice.

    Parameters
    ----------
    encoder : callable, torch.nn.Module or ONNX session
        What turns a batch into an array (batch, k) or (batch, length, k). A module gets a tensor and runs in
        evaluation mode without gradients; a session (``onnxruntime.InferenceSession``) gets arrays by the names of
        its inputs; any other callable gets the batch as it is.
    prepare : callable, default=None
        What is done to a list of rows before the encoder: a tokenizer that returns a dict of arrays, or a function that
        scales images. None: rows are stacked to an array for modules and sessions, and passed as a list otherwise.
    pooling : {None, "mean", "first"}, default=None
        For answers of three axes: the mean over the length (over the mask, where ``prepare`` gave ``attention_mask``),
        or the first position.
    normalize : bool, default=False
        Divide each vector by its length.
    batch_size : int, default=32
        Rows at a time; texts are sorted by length first, so that little is padding.
    cache : path-like, default=None
        Folder in which answers are kept by the content of the row; None keeps none. Files there are arrays, no pickle.
    name : str, default=None
        What the encoder is called in the cache. Needed with ``cache``: two encoders must not share a name.
    device : str, default="auto"
        Of a module.

    Attributes
    ----------
    n_encoded_ : int
        Rows that the encoder saw in the last ``transform``; the others came from the cache.

    Raises
    ------
    ValueError
        If the answer has a shape that no pooling makes (n, k), or ``cache`` has no ``name``.

    Notes
    -----
    Cost: that of the encoder, once for each distinct row. Clones share the encoder, so that folds and searches copy no
    weights. A module keeps its device and mode. A session or a lambda cannot be pickled or saved: put the encoded
    table, not the encoder, into a model that is to be saved. When not to use it: data far from what the
    encoder was trained on; features of photographs lose to pixels on small digits (docs/neural.md).

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.neural import FrozenEncoder
    >>> def count(texts):
    ...     return np.array([[len(text), text.count("!")] for text in texts])
    >>> FrozenEncoder(count).fit_transform(["fine", "so good!!", "fine"])
    array([[4., 0.],
           [9., 2.],
           [4., 0.]])
    """

    def __init__(
        self,
        encoder: Any,
        *,
        prepare: Any = None,
        pooling: str | None = None,
        normalize: bool = False,
        batch_size: int = 32,
        cache: str | os.PathLike[str] | None = None,
        name: str | None = None,
        device: str = "auto",
    ) -> None:
        self.encoder = encoder
        self.prepare = prepare
        self.pooling = pooling
        self.normalize = normalize
        self.batch_size = batch_size
        self.cache = cache
        self.name = name
        self.device = device

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the options; nothing is learned.

        Parameters
        ----------
        X : sequence of rows
            Texts or arrays.
        y : object, optional
            Not used.

        Returns
        -------
        Self
        """
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling={self.pooling!r} is not known: use None, 'mean' or 'first'.")
        if self.cache is not None and not self.name:
            raise ValueError("cache= needs name=, so that answers of two encoders are not mixed: name the encoder.")
        if int(self.batch_size) < 1:
            raise ValueError(f"batch_size={self.batch_size!r} must be at least 1.")
        if not callable(self.encoder) and not _is_session(self.encoder):
            raise ValueError(
                f"encoder={self.encoder!r} cannot be called: give a module, an ONNX session or a callable."
            )
        self.n_encoded_ = 0
        return self

    def transform(self, X: Any) -> Array:
        """Return the vectors of the rows.

        Parameters
        ----------
        X : sequence of n rows
            Texts, images or rows; a frame of one column counts as the column.

        Returns
        -------
        ndarray of shape (n, k)
        """
        self.fit(X)
        rows = _rows_of(X)
        if not rows:
            raise ValueError("X has no rows: there is nothing to encode.")
        gaps = [place for place, row in enumerate(rows) if _is_gap(row)]
        if gaps:
            raise ValueError(
                f"X has a gap in row {gaps[0]}: there is nothing to encode; fill it, or leave the row out."
            )
        keys = [content_key(row) for row in rows]
        known = Shelf(self.cache, self.name)
        answers = {key: known[key] for key in set(keys) & known.keys()}
        first = {key: place for place, key in reversed(list(enumerate(keys))) if key not in answers}
        fresh = sorted(first.items(), key=lambda item: (np.size(rows[item[1]]), _length(rows[item[1]]), item[1]))
        new: dict[str, Array] = {}
        for start in range(0, len(fresh), self.batch_size):
            part = fresh[start : start + self.batch_size]
            encoded = self._encode([rows[place] for _, place in part])
            new.update({key: vector for (key, _), vector in zip(part, encoded, strict=True)})
        known.add(new)
        self.n_encoded_ = len(new)
        answers.update(new)
        widths = sorted({vector.shape[0] for vector in answers.values()})
        if len(widths) > 1:
            raise ValueError(
                f"the encoder answered vectors of {widths} columns: it must give as many for every row; an answer for "
                "each word needs pooling='mean' or 'first', and a cache= filled by another encoder another name=."
            )
        self._n_features_out = widths[0]
        return np.stack([answers[key] for key in keys])

    def _encode(self, rows: list[Any]) -> Array:
        module = _is_module(self.encoder)
        batch = self.prepare(rows) if self.prepare is not None else rows
        if self.prepare is None and (module or _is_session(self.encoder)):
            batch = np.stack([np.asarray(row) for row in rows])
        if module:
            answer = self._ask_module(batch)
        elif _is_session(self.encoder):
            inputs = self.encoder.get_inputs()
            given = batch if isinstance(batch, dict) else {inputs[0].name: batch}
            wanted = {part.name for part in inputs}
            answer = self.encoder.run(None, {name: value for name, value in given.items() if name in wanted})[0]
        else:
            answer = self.encoder(batch)
        mask = batch.get("attention_mask") if isinstance(batch, dict) else None
        return self._pooled(np.asarray(answer, dtype=np.float64), mask, len(rows))

    def _ask_module(self, batch: Any) -> Any:
        import torch

        from crosstask.neural._torch import pick_device

        device = pick_device(self.device)
        module = self._module_on(device)
        with torch.inference_mode(), _evaluating(module):
            if isinstance(batch, dict):
                answer = module(**{name: torch.as_tensor(value).to(device) for name, value in batch.items()})
            else:
                tensor = torch.as_tensor(batch).to(device)
                kind = next((p.dtype for p in module.parameters()), torch.float32)
                answer = module(tensor.to(kind) if tensor.is_floating_point() else tensor)
        answer = getattr(answer, "last_hidden_state", answer)
        return answer.float().cpu().numpy()

    def _module_on(self, device: Any) -> Any:
        """Return the caller's module, or a copy where the caller's lies on another device: it is never moved."""
        weights = [*self.encoder.parameters(), *self.encoder.buffers()]
        if all(w.device.type == device.type and device.index in (None, w.device.index) for w in weights):
            return self.encoder
        if getattr(self, "_moved", (None, None))[0] is not self.encoder:
            self._moved = (self.encoder, copy.deepcopy(self.encoder).to(device))
        return self._moved[1]

    def __sklearn_clone__(self) -> Self:
        """Share encoder and prepare among clones: they are frozen, and a session cannot be copied."""
        shell = copy.copy(self)
        shell.encoder = shell.prepare = None
        twin: Any = super(FrozenEncoder, shell).__sklearn_clone__()
        twin.encoder, twin.prepare = self.encoder, self.prepare
        return twin

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {name: value for name, value in state.items() if name != "_moved"}

    def _pooled(self, answer: Array, mask: Any, n: int) -> Array:
        if answer.ndim == 3 and self.pooling == "mean":
            weight = np.ones(answer.shape[:2]) if mask is None else np.asarray(mask, dtype=np.float64)
            answer = np.einsum("nlk,nl->nk", answer, weight) / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
        elif answer.ndim == 3 and self.pooling == "first":
            answer = answer[:, 0]
        if answer.ndim != 2 or len(answer) != n:
            raise ValueError(
                f"the encoder answered an array of shape {answer.shape} for {n} rows, expected ({n}, k): set "
                "pooling='mean' or 'first', or pool in the encoder."
            )
        if self.normalize:
            answer = answer / np.maximum(np.linalg.norm(answer, axis=1, keepdims=True), 1e-12)
        return answer

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        return tags


@contextlib.contextmanager
def _evaluating(module: Any) -> Generator[None]:
    """Set evaluation mode, and afterwards give every part its own mode back."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _rows_of(X: Any) -> list[Any]:
    if hasattr(X, "columns"):
        if len(X.columns) == 1:
            return X[X.columns[0]].to_list()
        return list(np.asarray(X.to_numpy()))
    if isinstance(X, str):
        raise ValueError("X is one text: pass a list of texts.")
    return X.to_list() if hasattr(X, "to_list") else list(X)


def _is_gap(row: Any) -> bool:
    return not isinstance(row, (str, list, tuple, dict)) and not hasattr(row, "shape") and _is_absent(row)


def _length(row: Any) -> int:
    return len(row) if isinstance(row, str) else 0


def _is_module(encoder: Any) -> bool:
    return hasattr(encoder, "state_dict") and hasattr(encoder, "parameters")


def _is_session(encoder: Any) -> bool:
    return hasattr(encoder, "run") and hasattr(encoder, "get_inputs")

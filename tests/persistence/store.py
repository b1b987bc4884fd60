"""Write the model files that later versions must open: ``python tests/persistence/store.py``.

A file is written once for each release and never again; before the first release it may still be written anew. Each has
rows beside it and what the model said of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier

import crosstask as ct
from crosstask.persistence._card import plain

STORED = Path(__file__).parent / "stored"


def table(n_classes: int) -> tuple[pd.DataFrame, Any]:
    """Return 80 rows of four sites, the target numbers (0) or so many classes."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"site": np.repeat(["017", "b", "c", "d"], 20), "age": rng.normal(50, 10, 80).round()})
    X["dose"] = rng.normal(size=80).round(2)
    slope = np.repeat([1.0, 1.2, 0.8, -1.0], 20)
    z = slope * (X["age"] - 50) / 10 + X["dose"] + rng.normal(size=80)
    if n_classes == 0:
        return X, z
    cuts = np.quantile(z, np.arange(1, n_classes) / n_classes)
    return X, np.array(["ill", "so-so", "well"])[:: 2 if n_classes == 2 else 1][np.digitize(z, cuts)]


def raw(X: pd.DataFrame) -> pd.DataFrame:
    """Add what only the flagship takes: text and gaps."""
    return X.assign(colour=np.tile(["red", "green", None, "blue"], 20), age=X["age"].where(X["age"] > 40))


def guard() -> Any:
    candidates = [
        ("own", ct.MultiTaskRegressor("independent", n_alphas=5)),
        ("tied", ct.MultiTaskRegressor("mean_tied", n_alphas=5, unseen_task="mean")),
    ]
    return ct.TransferGuard(candidates, task_column="site", random_state=0)


MODELS: dict[str, tuple[int, Callable[[], Any]]] = {
    "linear": (0, lambda: ct.MultiTaskRegressor(alpha=0.05, task_column="site")),
    "trace_norm": (3, lambda: ct.MultiTaskClassifier("trace_norm", alpha=0.01, task_column="site")),
    "guard": (0, guard),
    "flagship": (2, lambda: ct.CrossTaskClassifier("linear", task_column="site", random_state=0)),
}


def answers(model: Any, X: pd.DataFrame) -> list[Any]:
    """Return what the file must still say: probabilities, or predictions."""
    return plain(model.predict_proba(X) if is_classifier(model) else model.predict(X))


def main() -> None:
    folder = STORED / ct.__version__
    folder.mkdir(parents=True, exist_ok=True)
    for name, (n_classes, make) in MODELS.items():
        X, y = table(n_classes)
        X = raw(X) if name == "flagship" else X
        model = make().fit(X, y)
        ct.save(model, folder / f"{name}.skops", force=True)
        rows = X.iloc[::10]
        content = {"rows": json.loads(rows.to_json(orient="split", index=False)), "answers": answers(model, rows)}
        (folder / f"{name}.json").write_text(json.dumps(content))
        sys.stdout.write(f"{folder / name}.skops\n")


if __name__ == "__main__":
    main()

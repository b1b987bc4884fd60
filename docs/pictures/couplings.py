"""Draw the matrix of slopes that each coupling prefers: a row a task, a column a feature.

Writes ``docs/pictures/coupling_<name>.svg``; a test holds the files equal to what this script draws. The matrices are
made up, to be looked at. Run: ``python docs/pictures/couplings.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

TASKS, FEATURES, CELL = 8, 10, 14
HERE = Path(__file__).resolve().parent


def matrices() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(TASKS, FEATURES))
    centre = rng.choice([-1.0, 1.0], FEATURES) * rng.uniform(0.4, 1.0, FEATURES)
    used = np.zeros(FEATURES)
    used[[1, 4, 7]] = 1.0
    few = (rng.random((TASKS, FEATURES)) < 0.12) * np.sign(noise)
    one = np.zeros((TASKS, 1))
    one[5] = 1.0
    rank = np.outer(rng.normal(size=TASKS), rng.normal(size=FEATURES))
    kind = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    kinds = rng.normal(size=(3, FEATURES))
    levels = np.cumsum((rng.random((TASKS, FEATURES)) < 0.15) * rng.normal(size=(TASKS, FEATURES)), axis=0)
    weights = np.array([1.0, 0.9, 0.2, -0.8, -1.0, 0.8, 0.1, -0.7])
    chain = np.linspace(-1.0, 1.0, TASKS)[:, None] * centre
    return {
        "independent": noise,
        "pooled": np.tile(centre, (TASKS, 1)),
        "mean_tied": centre + 0.25 * noise,
        "graph_tied": chain + 0.08 * noise,
        "two_levels": centre + 0.6 * kinds[kind] + 0.15 * noise,
        "fused_in_time": centre * 0.7 + levels,
        "feature_norm": used * noise,
        "element_norm": (rng.random((TASKS, FEATURES)) < 0.25) * noise,
        "task_norm": one * noise + (np.arange(TASKS) == 2)[:, None] * noise,
        "trace_norm": rank,
        "task_covariance": np.outer(weights, centre) + 0.12 * noise,
        "shared_subspace": rank + 0.15 * noise,
        "clustered": kinds[kind] + 0.1 * noise,
        "dirty": used * noise + 1.2 * few * (1 - used),
        "low_rank_sparse": rank + 1.5 * few,
        "outlier_robust": rank * (1 - one) + one * 1.2 * noise,
        "robust_features": used * noise * (1 - one) + one * noise,
        "robust_centre": centre * (1 - one) + one * (centre + 1.2 * noise),
    }


def colour(value: float) -> str:
    """Blue below zero, red above, nearly white at zero."""
    strength = min(abs(value), 1.0)
    far = (178, 24, 43) if value > 0 else (33, 102, 172)
    return "#" + "".join(f"{round(247 + (end - 247) * strength):02x}" for end in far)


def draw(matrix: np.ndarray) -> str:
    scaled = matrix / np.quantile(np.abs(matrix[matrix != 0]), 0.9)
    width, height = FEATURES * CELL, TASKS * CELL
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    ]
    lines.append(f'<rect width="{width}" height="{height}" fill="#cccccc"/>')
    for t, row in enumerate(scaled):
        for j, value in enumerate(row):
            place = f'x="{j * CELL + 1}" y="{t * CELL + 1}" width="{CELL - 1}" height="{CELL - 1}"'
            lines.append(f'<rect {place} fill="{colour(float(value))}"/>')
    return "\n".join([*lines, "</svg>", ""])


def pictures() -> dict[Path, str]:
    """Return what each file holds."""
    return {HERE / f"coupling_{name}.svg": draw(matrix) for name, matrix in matrices().items()}


if __name__ == "__main__":
    for path, text in pictures().items():
        path.write_text(text, encoding="utf-8")

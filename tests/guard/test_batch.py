import numpy as np
import pytest
from benchmarks.guard_batch import batch_weights, logarithmic, squared

from crosstask.guard._evidence import Evidence
from crosstask.guard._losses import LogMixture
from crosstask.guard._rules import guard_weights


def one_by_one(tables, mode):
    """The rule of the package on each table alone."""
    R, T, n, C = tables.predictions.shape
    codes, fold = np.repeat(np.arange(T), n), np.zeros(T * n, dtype=np.intp)
    kind = {"codes": codes, "weight": np.ones(T * n), "fold": fold, "n_tasks": T, "loss": tables.loss}
    found = [
        guard_weights(
            Evidence(
                tables.predictions[r].reshape(T * n, C, 1), tables.y[r].reshape(-1, 1), separate=tables.separate, **kind
            ),
            mode,
        ).task
        for r in range(R)
    ]
    return np.stack(found)


@pytest.mark.parametrize("mode", ["balanced", "cautious", "bold"])
@pytest.mark.parametrize("n_tasks", [4, 7])
def test_many_tables_at_once_get_the_weights_that_each_gets_alone(mode, n_tasks):
    rng = np.random.default_rng(n_tasks)
    shape = (5, n_tasks, 120 if n_tasks == 4 else 15)
    y = rng.standard_normal(shape)
    noise = rng.standard_normal((*shape, 4)) * [1.0, 0.8, 0.9, 1.5] * rng.uniform(0.3, 2.0, (5, n_tasks, 1, 4))
    amounts = squared(y[..., None] + noise, y)
    np.testing.assert_allclose(batch_weights(amounts, mode), one_by_one(amounts, mode), atol=1e-5)
    chances = logarithmic(1.0 / (1.0 + np.exp(noise - 1.0)), LogMixture())
    np.testing.assert_allclose(batch_weights(chances, mode), one_by_one(chances, mode), atol=1e-5)

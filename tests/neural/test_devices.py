"""What can be known about devices without one: no step reads a value back, no file remembers where it was made."""

from __future__ import annotations

import contextlib
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from tests.neural.problems import waves
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import crosstask as ct
from crosstask.neural import FineTunedNetRegressor, FrozenEncoder, MultiTaskMLPRegressor
from crosstask.neural import _aggregate as aggregate
from crosstask.neural._design import NetDesign
from crosstask.neural._network import build_network
from crosstask.neural._objective import RowLoss
from crosstask.neural._rows import NetRows
from crosstask.neural._train import TrainingPlan, _Trainer

# What makes the processor wait for a device: values, counts and reports of success that it must see.
WAITS = ("_local_scalar_dense", "nonzero", "equal.default", "masked_select", "unique", "svd", "eig", "is_nonzero")
KINDS = [
    {},
    {"weighting": "log"},
    {"weighting": "uncertainty"},
    {"weighting": "worst_group"},
    {"heads": "mean_tied"},
    {"heads": "low_rank"},
    {"trunk": "mmoe"},
    {"trunk": "ple"},
    {"dtype": "bfloat16"},
    {"aggregator": "upgrad"},
]


class NothingIsReadBack(TorchDispatchMode):
    """Raises where an operation would have to wait for a device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func)
        masked = "index" in name and any(
            isinstance(part, torch.Tensor) and part.dtype == torch.bool
            for indices in args[1:2]
            if isinstance(indices, (list, tuple))
            for part in indices
        )
        if masked or any(word in name for word in WAITS):
            raise AssertionError(f"{name} reads a value back from the device")
        return func(*args, **(kwargs or {}))


def _parts(weighting="mean", aggregator=None, **changes):
    """Return a network with an embedding and dropout, rows of four tasks, a plan, and the first step of an epoch."""
    torch.manual_seed(0)
    codes = torch.arange(4).repeat_interleave(6)
    design = NetDesign(3, (5,), 4, 1, hidden=(7,), dropout=0.1, **changes)
    X = torch.cat([torch.randn(24, 3), (torch.arange(24) % 5)[:, None]], dim=1)
    net = build_network(design, sample=X, tie=0.1)
    rows = NetRows(X, torch.randn(24), torch.ones(24), codes, 4)
    plan = TrainingPlan(0.01, 0.1, 24, 1, 1, weighting, aggregator, seed=0)
    return net, rows, plan, next(_Trainer(net, rows, RowLoss(None), plan).epochs)[0]


def _on_meta(rows):
    return type(rows)(
        **{name: value.to("meta") if isinstance(value, torch.Tensor) else value for name, value in vars(rows).items()}
    )


def test_the_guard_of_the_test_itself():
    for waiting in (
        lambda x: x.sum().item(),
        lambda x: x[x > 0],
        lambda x: torch.linalg.matrix_norm(x, 2),
        lambda x: bool((x > 0).all()),
    ):
        with pytest.raises(AssertionError, match="reads a value back"), NothingIsReadBack():
            waiting(torch.ones(2, 2))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_no_step_waits_for_the_device(kind, monkeypatch):
    elsewhere = partial(aggregate.project_on_dual_cone, on_processor=False)
    monkeypatch.setattr(aggregate, "project_on_dual_cone", elsewhere)
    net, rows, plan, step = _parts(**kind)
    trainer = _Trainer(net, rows, RowLoss(None), plan)
    before = [value.detach().clone() for value in net.parameters()]
    with NothingIsReadBack():
        trainer._step(step)
        trainer.optimiser.step()
    assert any(not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


@pytest.mark.parametrize("kind", [k for k in KINDS if "dtype" not in k], ids=str)
def test_a_step_on_another_device_mixes_in_nothing_of_the_processor(kind, monkeypatch):
    net, rows, plan, step = _parts(**kind)
    # a device without memory has no fused optimiser, and deals no rows out
    monkeypatch.setattr(torch.optim, "AdamW", lambda groups, lr, fused: torch.optim.SGD(groups, lr=lr))
    monkeypatch.setattr(_Trainer, "_epochs", lambda self, rows: iter(()))
    net = net.to("meta")
    trainer, step = _Trainer(net, _on_meta(rows), RowLoss(None), plan), _on_meta(step)
    assert trainer._step(step).device.type == "meta"
    assert {value.grad.device.type for value in net.parameters() if value.grad is not None} == {"meta"}
    trainer.optimiser.step()


def test_a_bound_of_the_largest_eigenvalue():
    rng = np.random.default_rng(0)
    for n in (1, 5, 100):
        J = torch.as_tensor(rng.normal(size=(n, 7)) * 10.0 ** rng.uniform(-3, 3, size=(n, 1)))
        gram = J @ J.T + 1e-4 * torch.eye(n, dtype=torch.float64)
        exact = float(np.linalg.eigvalsh(gram.numpy())[-1])
        assert exact * (1 - 1e-9) <= float(aggregate.largest_eigenvalue(gram)) <= exact * n ** (1 / 64) * (1 + 1e-9)


@pytest.mark.parametrize("device", ["cuda", "cuda:3", "meta", None, "abacus"])
def test_a_device_that_is_not_there_is_one_line(device):
    if str(device).startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    X, y, _ = waves(n_rows=10)
    for model in (MultiTaskMLPRegressor(device=device), FineTunedNetRegressor(device=device)):
        with pytest.raises(ValueError, match=r"device=.* is not there .*: use 'cpu' or 'auto'") as raised:
            model.fit(X, y)
        assert "\n" not in str(raised.value)
    with pytest.raises(ValueError, match="is not there"):
        FrozenEncoder(nn.Linear(3, 2), device=device).transform(X)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_net_of_another_device_is_loaded_here(tmp_path):
    X, y, task = waves(n_rows=20)
    model = MultiTaskMLPRegressor((8,), max_epochs=3).fit(X, y, task=task)
    expected = model.predict(X, task=task)
    model.device = "cuda"  # as if it had been asked for, and found, where this was fitted
    loaded = ct.load(ct.save(model, tmp_path / "net.skops"))
    for again in (loaded, pickle.loads(pickle.dumps(model))):
        assert all(isinstance(value, np.ndarray) for value in again.state_.values())  # no tensor, so no device
        with pytest.raises(ValueError, match="device='cuda' is not there"):
            again.predict(X, task=task)
        np.testing.assert_array_equal(again.set_params(device="cpu").predict(X, task=task), expected)


class Elsewhere(nn.Linear):
    """Weights that lie on another device until they are fetched."""

    def to(self, *args, **kwargs):
        if self.weight.device.type == "meta":
            self.to_empty(device="cpu")
            nn.init.eye_(self.weight)
            nn.init.zeros_(self.bias)
        return super().to(*args, **kwargs)


def test_a_trunk_that_lies_on_another_device_is_brought_here_and_stays_there():
    X, y, _ = waves(n_rows=10)
    trunk = Elsewhere(3, 3, device="meta")
    assert np.isfinite(MultiTaskMLPRegressor(module=trunk, max_epochs=2).fit(X, y).predict(X)).all()
    assert np.isfinite(FineTunedNetRegressor(trunk, max_epochs=2).fit(X, y).predict(X)).all()
    encoder = FrozenEncoder(trunk)
    np.testing.assert_allclose(encoder.fit_transform(X), X, rtol=1e-6)
    assert "_moved" not in encoder.__getstate__()
    assert trunk.weight.device.type == "meta"


@pytest.mark.parametrize("change", [{}, {"aggregator": "upgrad"}], ids=str)
def test_half_precision_is_near_and_travels(change, tmp_path):
    X, y, task = waves(n_rows=60)
    same = {"learning_rate_init": 0.01, "max_epochs": 60, **change}
    half = MultiTaskMLPRegressor((16,), dtype="bfloat16", **same).fit(X, y, task=task)
    full = MultiTaskMLPRegressor((16,), **same).fit(X, y, task=task)
    assert half.score(X, y, task=task) > full.score(X, y, task=task) - 0.05
    assert {value.dtype for value in half.state_.values()} == {np.dtype("float32")}
    assert not np.array_equal(half.predict(X, task=task), full.predict(X, task=task))
    again = ct.load(ct.save(half, tmp_path / "half.skops"))
    np.testing.assert_array_equal(again.predict(X, task=task), half.predict(X, task=task))


def test_the_callers_random_numbers_are_left_alone():
    X, y, task = waves(n_rows=10)
    for model, given in ((MultiTaskMLPRegressor((4,), max_epochs=1), {"task": task}), (FineTunedNetRegressor(), {})):
        torch.manual_seed(5)
        expected = torch.rand(2)
        torch.manual_seed(5)
        with contextlib.suppress(UserWarning):
            model.fit(X, y, **given)
        assert torch.equal(torch.rand(2), expected)

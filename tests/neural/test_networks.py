"""Heads, trunks and rows: what is computed in one batch equals the loop that a textbook would write."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from crosstask.neural._design import NetDesign, from_arrays, to_arrays
from crosstask.neural._heads import make_heads
from crosstask.neural._network import build_network
from crosstask.neural._objective import RowLoss
from crosstask.neural._rows import NetRows, batch_rows, epochs_of_padded_tasks, epochs_of_rows, epochs_of_tasks

HEADS = ("linear", "low_rank", "mean_tied", "film")
TRUNKS = ("shared", "mmoe", "ple")


def _design(**changes):
    known = {"n_numbers": 3, "levels": (), "n_tasks": 4, "n_outputs": 2, "hidden": (6, 5), "dtype": "float64"}
    return NetDesign(**{**known, **changes})


def _net(seed=0, **changes):
    torch.manual_seed(seed)
    net = build_network(_design(**changes), sample=torch.zeros(3, 3))
    for parameter in net.parameters():  # what starts at zero would hide a fault
        nn.init.normal_(parameter)
    return net.eval()


@pytest.mark.parametrize("kind", HEADS)
def test_gathered_heads_equal_a_loop_over_tasks(kind):
    torch.manual_seed(0)
    heads = make_heads(kind, 4, 2, 5, rank=2, tie=0.1).double()
    for parameter in heads.parameters():
        nn.init.normal_(parameter)
    hidden, codes = torch.randn(30, 5, dtype=torch.float64), torch.randint(0, 4, (30,))
    weight, intercept = heads.table()
    pairs = zip(hidden, codes, strict=True)
    looped = torch.stack([functional.linear(h, weight[t].view(2, 5), intercept[t]) for h, t in pairs])
    torch.testing.assert_close(heads(hidden, codes), looped)
    torch.testing.assert_close(heads(hidden, None)[torch.arange(30), codes], looped)
    unseen = heads(hidden, torch.full((30,), -1))
    torch.testing.assert_close(unseen, heads(hidden, None).mean(dim=1))


@pytest.mark.parametrize("trunk", TRUNKS)
def test_a_row_does_not_depend_on_the_rows_beside_it(trunk):
    net = _net(trunk=trunk)
    X, codes = torch.randn(9, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1, 2, 3, -1])
    together = net(X, codes)
    alone = torch.cat([net(X[i : i + 1], codes[i : i + 1]) for i in range(9)])
    torch.testing.assert_close(together, alone)


def test_experts_equal_the_formula():
    net = _net(trunk="mmoe", n_experts=3)
    X, task = torch.randn(7, 3, dtype=torch.float64), 2
    trunk = net.trunk
    gates = (X @ trunk.gates[task].view(3, 3) + trunk.gate_biases[task]).softmax(dim=1)
    expected = torch.zeros(7, 5, dtype=torch.float64)
    for k in range(3):
        hidden = X
        for weight, bias in zip(trunk.weights, trunk.biases, strict=True):
            hidden = torch.relu(hidden @ weight[k] + bias[k])
        expected += gates[:, k : k + 1] * hidden
    torch.testing.assert_close(net.features(X, torch.full((7,), task)), expected)


def test_layered_experts_see_own_and_shared_experts_only():
    net = _net(trunk="ple", hidden=(5,), n_experts=2)
    X, codes = torch.randn(4, 3, dtype=torch.float64), torch.zeros(4, dtype=torch.long)
    before = net.features(X, codes)
    with torch.no_grad():
        net.trunk.own[0][1:] += 1.0  # experts of the other tasks
    torch.testing.assert_close(net.features(X, codes), before)
    with torch.no_grad():
        net.trunk.own[0][0] += 1.0
    assert not torch.allclose(net.features(X, codes), before)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_weights_travel_as_arrays(trunk):
    net, other = _net(0, trunk=trunk, heads="low_rank"), _net(1, trunk=trunk, heads="low_rank")
    from_arrays(other, to_arrays(net))
    X, codes = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 3, -1])
    torch.testing.assert_close(other(X, codes), net(X, codes), rtol=0, atol=0)


def test_a_guess_costs_one():
    y = torch.tensor([0.0, 1.0, 2.0])
    codes = torch.zeros(3, dtype=torch.long)
    torch.testing.assert_close(RowLoss(3)(torch.zeros(3, 3), y, codes), torch.ones(3))
    torch.testing.assert_close(RowLoss(2)(torch.zeros(3, 1), y.clamp(max=1), codes), torch.ones(3))
    mixed = RowLoss(None, torch.tensor([True, False]))
    z = torch.tensor([[0.0], [1.0]])
    torch.testing.assert_close(mixed(z, torch.tensor([1.0, 3.0]), torch.tensor([0, 1])), torch.tensor([1.0, 4.0]))


def _rows(sizes):
    n = sum(sizes)
    codes = torch.as_tensor(np.repeat(np.arange(len(sizes)), sizes))
    X = torch.arange(n, dtype=torch.float64)[:, None]
    return NetRows(X, X[:, 0], torch.ones(n, dtype=torch.float64), codes, len(sizes))


def test_every_epoch_shows_every_row_once():
    rows, rng = _rows([5, 1, 9, 30, 2]), np.random.default_rng(0)
    for epochs in (epochs_of_rows(rows, 7, rng), epochs_of_tasks(rows, 7, rng)):
        first, second = next(epochs), next(epochs)
        for steps in (first, second):
            shown = torch.cat([step.X[:, 0] for step in steps]).sort().values
            torch.testing.assert_close(shown, rows.X[:, 0])
            assert all(torch.equal(step.codes, rows.codes[step.X[:, 0].long()]) for step in steps)
        assert not torch.equal(*[torch.cat([step.X for step in steps]) for steps in (first, second)])
    for step in next(epochs_of_tasks(rows, 7, rng)):
        for t in step.codes.unique():
            assert (step.codes == t).sum() == (rows.codes == t).sum()
    padded = next(epochs_of_padded_tasks(rows, 8, rng, tasks_a_step=2))
    shown = torch.cat([step.X[step.weight > 0][:, 0] for step in padded]).sort().values
    torch.testing.assert_close(shown, rows.X[:, 0])
    assert all(len(step.tasks) <= 2 for step in padded)


def test_size_of_a_step():
    assert [batch_rows("auto", n) for n in (10, 400, 16_000, 10**6)] == [10, 32, 1000, 4096]
    assert batch_rows(64, 50) == 50

"""Gradients of each task, and what is made of them, against plain loops and a general solver."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
import torch

from crosstask.neural._aggregate import (
    ReusedWeights,
    make_combination,
    project_on_dual_cone,
    set_gradients,
    task_gradients,
)
from crosstask.neural._design import NetDesign
from crosstask.neural._network import build_network
from crosstask.neural._objective import RowLoss
from crosstask.neural._options import WEIGHTINGS
from crosstask.neural._rows import NetRows, epochs_of_padded_tasks
from crosstask.neural._weighting import TaskWeighting, losses_by_task


def _problem(heads="linear", n_outputs=1):
    torch.manual_seed(0)
    sizes = [6, 3, 9, 1]
    codes = torch.as_tensor(np.repeat(np.arange(4), sizes))
    X, y = torch.randn(19, 3, dtype=torch.float64), torch.randn(19, dtype=torch.float64)
    if n_outputs > 1:
        y = torch.randint(0, n_outputs, (19,)).double()
    rows = NetRows(X, y, torch.rand(19, dtype=torch.float64) + 0.5, codes, 4)
    design = NetDesign(3, (), 4, n_outputs, hidden=(7, 5), heads=heads, dtype="float64")
    net = build_network(design, sample=X)
    batch = next(epochs_of_padded_tasks(rows, 1000, np.random.default_rng(0), 10))[0]
    return net, rows, batch, RowLoss(n_outputs if n_outputs > 1 else None)


def _loss_of_task(net, rows, loss, t):
    own = rows.take(torch.nonzero(rows.codes == t)[:, 0])
    return (own.weight * loss(net(own.X, own.codes), own.y, own.codes)).sum() / own.weight.sum()


@pytest.mark.parametrize("heads", ["linear", "low_rank", "film"])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_one_batched_pass_equals_one_backward_a_task(heads, n_outputs):
    net, rows, batch, loss = _problem(heads, n_outputs)
    shared, _, _, losses = task_gradients(net, batch, loss)
    for line, t in enumerate(batch.tasks.tolist()):
        own = _loss_of_task(net, rows, loss, t)
        torch.testing.assert_close(losses[line], own.detach())
        expected = torch.autograd.grad(own, list(net.trunk.parameters()))
        for found, gradient in zip(shared.values(), expected, strict=True):
            torch.testing.assert_close(found[line], gradient)


@pytest.mark.parametrize("heads", ["linear", "low_rank", "mean_tied", "film"])
def test_shares_as_weights_give_the_gradient_of_the_mean_loss(heads):
    net, rows, batch, loss = _problem(heads)
    share = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    set_gradients(net, batch, loss, lambda gram: share[batch.tasks], share)
    found = {name: value.grad.clone() for name, value in net.named_parameters()}
    net.zero_grad()
    total = sum(share[t] * _loss_of_task(net, rows, loss, t) for t in range(4))
    penalty = net.heads.penalty()
    (total if penalty is None else total + penalty).backward()
    for name, value in net.named_parameters():
        torch.testing.assert_close(found[name], value.grad, msg=name)


@pytest.mark.parametrize("seed", range(4))
def test_projection_against_a_general_solver(seed):
    rng = np.random.default_rng(seed)
    J = rng.normal(size=(6, 4 if seed % 2 else 20)) - 0.3
    gram = J @ J.T
    found = project_on_dual_cone(torch.eye(6, dtype=torch.float64) / 6, torch.as_tensor(gram)).numpy()
    scaled = gram / np.diag(gram).mean() + 1e-4 * np.eye(6)
    for u, v in zip(np.eye(6) / 6, found, strict=True):
        x = cp.Variable(6)
        value = cp.Problem(cp.Minimize(cp.quad_form(x, cp.psd_wrap(scaled))), [x >= u]).solve(solver=cp.CLARABEL)
        assert (v >= u - 1e-12).all()
        assert v @ scaled @ v <= value + 1e-6


def test_the_direction_of_upgrad_conflicts_with_no_task():
    rng = np.random.default_rng(0)
    J = torch.as_tensor(rng.normal(size=(5, 12)))
    J[1] = -J[0] + 0.1 * J[2]
    weights = make_combination("upgrad")(J @ J.T)
    inner = J @ (weights @ J)
    assert (inner > -1e-3 * inner.abs().max()).all()
    plain = J @ J.mean(dim=0)
    assert (plain < 0).any()  # the mean does


def test_an_aggregator_of_torchjd():
    aggregation = pytest.importorskip("torchjd.aggregation")
    gram = torch.eye(3, dtype=torch.float64)
    for given in (aggregation.MGDA(), aggregation.MGDAWeighting()):
        torch.testing.assert_close(make_combination(given)(gram), torch.full((3,), 1 / 3, dtype=torch.float64))


@pytest.mark.parametrize("kind", WEIGHTINGS)
def test_weights_add_up_to_one(kind):
    weighting = TaskWeighting(kind, torch.tensor([0.5, 0.3, 0.2]))
    losses = torch.tensor([1.0, 4.0, 0.01], requires_grad=True)
    weighting(losses, torch.tensor([True, True, False])).backward()
    torch.testing.assert_close(losses.grad.sum(), torch.tensor(1.0))
    assert losses.grad[2] == 0


def test_what_each_weighting_does():
    share, present = torch.full((2,), 0.5), torch.ones(2, dtype=torch.bool)

    def gradient(kind, rounds=1):
        weighting = TaskWeighting(kind, share)
        optimiser = torch.optim.Adam(weighting.parameters(), lr=0.05) if kind == "uncertainty" else None
        for _ in range(rounds):
            losses = torch.tensor([1.0, 4.0], requires_grad=True)
            if optimiser:
                optimiser.zero_grad()
            weighting(losses, present).backward()
            if optimiser:
                optimiser.step()
        return losses.grad

    torch.testing.assert_close(gradient("mean"), torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(gradient("log"), torch.tensor([0.8, 0.2]), rtol=1e-4, atol=0)
    torch.testing.assert_close(gradient("uncertainty", 400), torch.tensor([0.8, 0.2]), rtol=0.02, atol=0)
    late = gradient("worst_group", 30)
    assert late[1] > 0.99


def test_losses_by_task_of_a_step_that_lacks_one():
    losses, present = losses_by_task(
        torch.tensor([1.0, 3.0, 5.0]), torch.tensor([1.0, 3.0, 1.0]), torch.tensor([0, 0, 2]), 3
    )
    torch.testing.assert_close(losses, torch.tensor([2.5, 0.0, 5.0]))
    assert present.tolist() == [True, False, True]


def test_weights_serve_four_steps_of_the_same_tasks():
    asked = []

    def combine(gram):
        asked.append(gram)
        return gram.diagonal()

    weights, some, others = ReusedWeights(combine), torch.tensor([0, 1]), torch.tensor([1, 2])
    grams = [torch.eye(2) * k for k in range(1, 8)]
    found = [weights.of(gram, some)[0].item() for gram in grams[:6]]
    assert found == [1, 1, 1, 1, 5, 5]
    assert weights.of(grams[6], others)[0].item() == 7
    assert len(asked) == 3

"""Networks for many tasks: what a step costs, what exact gradients of each task cost, and the check with known truth.

    python benchmarks/neural.py [speed] [gradients] [synthetic] [harm] [--repeats 7] [--seeds 3] [--first-seed 0]

Tasks of 50 rows and 20 columns, trunk 20-64-64, one output a task. The rivals run in the same process, interleaved;
printed are medians (minima) in milliseconds. One thread.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import nn

import crosstask as ct
from crosstask.neural._aggregate import task_gradients
from crosstask.neural._design import NetDesign
from crosstask.neural._network import build_network
from crosstask.neural._objective import RowLoss
from crosstask.neural._rows import NetRows, PaddedTasks
from crosstask.neural._train import TrainingPlan, _Trainer

ROWS, COLUMNS, HIDDEN = 50, 20, 64
OF_1000 = 50  # of the thousand backward passes this many are timed
WAYS = {True: "one backward a task, one trunk pass (LibMTL)", False: "one backward a task, own trunk passes"}


def problem(n_tasks: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(n_tasks, ROWS, COLUMNS, generator=rng), torch.randn(n_tasks, ROWS, generator=rng)


class PlainNet(nn.Module):
    """What one writes by hand: a trunk, and a list of heads."""

    def __init__(self, n_tasks: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(COLUMNS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
        self.heads = nn.ModuleList([nn.Linear(HIDDEN, 1) for _ in range(n_tasks)])

    def losses(self, X: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        """Return the mean loss of each task on its own rows."""
        return [(head(self.trunk(x))[:, 0] - t).square().mean() for head, x, t in zip(self.heads, X, y, strict=True)]

    def losses_of_one_pass(self, X: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        """The same, with the rows of all tasks sent through the trunk together."""
        hidden = self.trunk(X.reshape(-1, COLUMNS)).view(len(X), ROWS, HIDDEN)
        return [(head(h)[:, 0] - t).square().mean() for head, h, t in zip(self.heads, hidden, y, strict=True)]


def plain_epoch(n_tasks: int) -> Callable[[], None]:
    X, y = problem(n_tasks)
    net = PlainNet(n_tasks)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3)

    def epoch() -> None:
        optimiser.zero_grad()
        torch.stack(net.losses(X, y)).mean().backward()
        optimiser.step()

    return epoch


def our_net(n_tasks: int) -> tuple[Any, NetRows]:
    X, y = problem(n_tasks)
    codes = torch.arange(n_tasks).repeat_interleave(ROWS)
    flat = X.reshape(-1, COLUMNS)
    rows = NetRows(flat, y.flatten(), torch.ones(len(flat)), codes, n_tasks)
    return build_network(NetDesign(COLUMNS, (), n_tasks, 1, hidden=(HIDDEN, HIDDEN)), sample=flat), rows


def our_epoch(n_tasks: int, batch_size: int | str) -> Callable[[], None]:
    net, rows = our_net(n_tasks)
    size = len(rows) if batch_size == "all" else batch_size
    trainer = _Trainer(net, rows, RowLoss(None), TrainingPlan(1e-3, 0.1, size, 1, 1, "mean", None, 0))

    def epoch() -> None:
        trainer.epoch(next(trainer.epochs))

    return epoch


def our_gradients(n_tasks: int) -> Callable[[], None]:
    net, rows = our_net(n_tasks)
    X, y = rows.X.view(n_tasks, ROWS, COLUMNS), rows.y.view(n_tasks, ROWS)
    batch = PaddedTasks(X, y, torch.ones_like(y), torch.arange(n_tasks))
    return lambda: list(task_gradients(net, batch, RowLoss(None))).clear()


def one_backward_a_task(n_tasks: int, done: int, *, one_pass: bool) -> Callable[[], None]:
    """One backward pass for each of ``done`` tasks, after one pass of the trunk over all rows or one a task."""
    X, y = problem(n_tasks)
    net = PlainNet(n_tasks)

    def gradients() -> None:
        losses = net.losses_of_one_pass(X, y) if one_pass else net.losses(X, y)
        for loss in losses[:done]:
            torch.autograd.grad(loss, list(net.trunk.parameters()), retain_graph=True)

    return gradients


def torchjd_gradients(n_tasks: int) -> Callable[[], None]:
    from torchjd.autojac import mtl_backward

    X, y = problem(n_tasks)
    net = PlainNet(n_tasks)

    def gradients() -> None:
        for parameter in net.parameters():
            parameter.grad = None
            if hasattr(parameter, "jac"):
                del parameter.jac
        hidden = net.trunk(X.reshape(-1, COLUMNS)).view(n_tasks, ROWS, HIDDEN)
        losses = [(head(h)[:, 0] - t).square().mean() for head, h, t in zip(net.heads, hidden, y, strict=True)]
        mtl_backward(losses, features=hidden)

    return gradients


def timed(rivals: dict[str, Callable[[], None]], repeats: int) -> dict[str, tuple[float, float]]:
    """Return median and minimum in milliseconds; the rivals take turns, and the first turn does not count."""
    taken: dict[str, list[float]] = {name: [] for name in rivals}
    for turn in range(repeats + 1):
        for name, run in rivals.items():
            start = time.perf_counter()
            run()
            if turn:
                taken[name].append(1e3 * (time.perf_counter() - start))
    return {name: (float(np.median(values)), min(values)) for name, values in taken.items()}


def show(title: str, rivals: dict[str, Callable[[], None]], repeats: int) -> None:
    found = timed(rivals, repeats)
    ours = next(iter(found.values()))
    print(title)
    for name, (median, least) in found.items():
        print(
            f"  {name:44s}{median:10.1f} ({least:.1f}) ms   x{median / ours[0]:.1f} (x{least / ours[1]:.1f})",
            flush=True,
        )


def speed(repeats: int) -> None:
    for n_tasks in (100, 1000, 10_000):
        rivals = {"heads as one tensor, one step": our_epoch(n_tasks, "all")}
        if n_tasks < 10_000:
            rivals["plain loop over heads, one step"] = plain_epoch(n_tasks)
        rivals["heads as one tensor, batch_size='auto'"] = our_epoch(n_tasks, "auto")
        show(f"an epoch of {n_tasks} tasks x {ROWS} rows", rivals, repeats if n_tasks < 10_000 else 3)


def gradients(repeats: int) -> None:
    rivals = {"vmap(grad) over own rows": our_gradients(100), "torchjd mtl_backward": torchjd_gradients(100)}
    for one_pass, words in WAYS.items():
        rivals[words] = one_backward_a_task(100, 100, one_pass=one_pass)
    show("gradients of 100 tasks with respect to the trunk", rivals, repeats)
    some = {"ours": our_gradients(1000)}
    for one_pass in WAYS:
        some[f"none {one_pass}"] = one_backward_a_task(1000, 0, one_pass=one_pass)
        some[f"some {one_pass}"] = one_backward_a_task(1000, OF_1000, one_pass=one_pass)
    found = {name: median for name, (median, _) in timed(some, min(repeats, 3)).items()}
    print(f"gradients of 1000 tasks: vmap(grad) {found['ours']:.0f} ms")
    for one_pass, words in WAYS.items():
        forward, part = found[f"none {one_pass}"], found[f"some {one_pass}"]
        whole = forward + (part - forward) * 1000 / OF_1000
        print(f"  {words:44s}{whole:10.0f} ms, x{whole / found['ours']:.0f} (from {OF_1000} of the 1000 passes)")


def low_rank_tasks(seed: int, noise: float, scales: bool, n_test: int = 200) -> tuple[Any, ...]:
    """100 linear tasks of rank 3, 50 rows to train on and some to test; noise in units of the signal's deviation."""
    rng = np.random.default_rng(seed)
    n_tasks = 100
    W = rng.normal(size=(n_tasks, 3)) @ rng.normal(size=(3, COLUMNS))
    X = rng.normal(size=(n_tasks, ROWS + n_test, COLUMNS))
    signal = np.einsum("tnd,td->tn", X, W)
    signal /= np.linalg.norm(W, axis=1)[:, None]
    y = signal + noise * rng.normal(size=signal.shape)
    y *= (10.0 ** rng.permutation(np.linspace(-2, 2, n_tasks)))[:, None] if scales else 1.0
    return X[:, :ROWS], y[:, :ROWS], X[:, ROWS:], y[:, ROWS:]


def squared_errors(model: Any, data: tuple[Any, ...]) -> np.ndarray:
    """Fit, and return the squared error of each test row, one line a task."""
    X, y, X_test, y_test = data
    task = np.repeat(np.arange(len(X)), ROWS)
    model.fit(X.reshape(-1, COLUMNS), y.ravel(), task=task)
    new = np.repeat(np.arange(len(X)), y_test.shape[1])
    predicted = model.predict(X_test.reshape(-1, COLUMNS), task=new).reshape(y_test.shape)
    return (predicted - y_test) ** 2


def normalised_errors(model: Any, data: tuple[Any, ...]) -> np.ndarray:
    """Return the test error of each task over the variance of its test target."""
    return squared_errors(model, data).mean(axis=1) / data[3].var(axis=1)


class LeaveOneOutRidge(RidgeCV):
    """RidgeCV that always leaves one out: without ``cv`` the guard deals it no folds, and it stays in closed form."""

    def __init__(self, alphas: Any = (0.1, 1.0, 10.0)) -> None:
        super().__init__(alphas=alphas)


def single_task_ridge() -> Any:
    return ct.IndependentTasks(LeaveOneOutRidge(np.logspace(-3, 3, 13)))


def harm(seeds: range, n_test: int) -> None:
    """Count the tasks that the guard leaves worse off than their own ridge, and those of them that luck cannot explain.

    A task is surely harmed where the mean of g - 1.02 r over its test rows, g and r the squared errors of guard and
    ridge on the same row, is above zero by more than 1.645 (one task by itself, 5 %) or 3.29 (any of 100) of its
    standard errors.
    """
    print(f"inside the guard, noise = signal, {n_test} test rows a task, draws {seeds.start} to {seeds.stop - 1}")
    print("  draw   ridge   guard   worst   > 1.02   > 1.645 s.e.   > 3.29 s.e.")
    totals = np.zeros(3)
    for seed in seeds:
        data = low_rank_tasks(seed, 1.0, scales=False, n_test=n_test)
        ridge = single_task_ridge()
        guard = ct.TransferGuard([("own", ridge), ("net", ct.MultiTaskMLPRegressor())], own="own", random_state=0)
        r, g = squared_errors(ridge, data), squared_errors(guard, data)
        ratio, beyond = g.mean(axis=1) / r.mean(axis=1), g - 1.02 * r
        certain = beyond.mean(axis=1) / (beyond.std(axis=1, ddof=1) / np.sqrt(n_test))
        counts = np.array([(ratio > 1.02).sum(), (certain > 1.645).sum(), (certain > 3.29).sum()])
        totals += counts
        scale = data[3].var(axis=1)
        print(
            f"  {seed:4d}{(r.mean(axis=1) / scale).mean():8.3f}{(g.mean(axis=1) / scale).mean():8.3f}{ratio.max():8.3f}"
            f"{counts[0]:9d}{counts[1]:15d}{counts[2]:14d}",
            flush=True,
        )
    n_tasks = 100 * len(seeds)
    print(
        f"  of {n_tasks} tasks: {totals[0]:.0f} above 1.02, {totals[1]:.0f} by 1.645 s.e., {totals[2]:.0f} by 3.29 s.e."
    )


def synthetic(seeds: int, *, upgrad: bool) -> None:
    ways = {
        "default": ct.MultiTaskMLPRegressor(),
        "weighting='log'": ct.MultiTaskMLPRegressor(weighting="log"),
        "weighting='uncertainty'": ct.MultiTaskMLPRegressor(weighting="uncertainty"),
        "weighting='worst_group'": ct.MultiTaskMLPRegressor(weighting="worst_group"),
        "heads='low_rank'": ct.MultiTaskMLPRegressor(heads="low_rank"),
        "heads='mean_tied'": ct.MultiTaskMLPRegressor(heads="mean_tied"),
        "heads='film'": ct.MultiTaskMLPRegressor(heads="film"),
        "ridge of each task": single_task_ridge(),
        "linear, mean_tied": ct.MultiTaskRegressor("mean_tied"),
    }
    if upgrad:
        ways["aggregator='upgrad'"] = ct.MultiTaskMLPRegressor(aggregator="upgrad")
    print("normalised test error, 100 tasks of rank 3 x 50 rows: scales 1e-2..1e2 and noise .01 | noise = signal")
    for name, model in ways.items():
        some = 1 if "aggregator" in name else seeds
        cells = [
            np.mean([normalised_errors(model, low_rank_tasks(seed, noise, scales)).mean() for seed in range(some)])
            for noise, scales in ((0.01, True), (1.0, False))
        ]
        print(f"  {name:26s}{cells[0]:10.4f}{cells[1]:10.4f}   {some} seed(s)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", choices=["speed", "gradients", "synthetic", "harm", []])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0, help="of harm: the first draw")
    parser.add_argument("--test-rows", type=int, default=200, help="of harm: test rows a task")
    parser.add_argument("--upgrad", action="store_true", help="minutes more: 100 projections a step")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"crosstask {ct.__version__}, PyTorch {torch.__version__}, Python {platform.python_version()}, one thread")
    parts = given.parts or ["speed", "gradients", "synthetic", "harm"]
    if "speed" in parts:
        speed(given.repeats)
    if "gradients" in parts:
        gradients(given.repeats)
    if "synthetic" in parts:
        synthetic(given.seeds, upgrad=given.upgrad)
    if "harm" in parts:
        harm(range(given.first_seed, given.first_seed + given.seeds), given.test_rows)


if __name__ == "__main__":
    main()

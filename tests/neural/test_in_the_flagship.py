"""The network as a candidate of the flagship: when asked for, and where there are rows enough."""

from __future__ import annotations

import sys

import pandas as pd
import pytest
from tests.neural.problems import waves

import crosstask as ct


def _table(n_rows):
    X, y, task = waves(n_tasks=2, n_rows=n_rows)
    return pd.DataFrame(X, columns=["a", "b", "c"]).assign(site=[f"s{t}" for t in task]), y


def test_the_network_counts_where_no_line_fits():
    X, y = _table(250)
    lines_and_net = ["own", "pooled", "mean tied", "network"]
    model = ct.CrossTaskRegressor(lines_and_net, task_column="site", cv=2, random_state=0).fit(X, y)
    assert model.weights_["network"].max() > 0.1
    assert model.candidate_losses_["network"].mean() < model.candidate_losses_["own"].mean()
    assert "network" in ct.CrossTaskRegressor("neural", task_column="site", cv=2, random_state=0).fit(X, y).weights_
    assert "network" not in ct.CrossTaskRegressor(task_column="site", cv=2, random_state=0).fit(X, y).weights_


def test_few_rows_leave_it_out_and_say_so():
    X, y = _table(30)
    model = ct.CrossTaskRegressor("neural", task_column="site", cv=2, random_state=0).fit(X, y)
    assert "network-left-out" in [code for code, _ in model.findings_]


def test_without_torch_the_flagship_says_what_to_install(monkeypatch):
    X, y = _table(30)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="candidates='neural' needs PyTorch"):
        ct.CrossTaskRegressor("neural", task_column="site").fit(X, y)

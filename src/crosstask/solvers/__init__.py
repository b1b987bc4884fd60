"""Solvers: the joint objective, one algorithm per file, each certified by its duality gap."""

from __future__ import annotations

from crosstask.solvers._leave_one_out import has_leave_one_out, leave_one_out
from crosstask.solvers._path import alpha_grid, path_coefficients, path_decisions, solve, solve_path
from crosstask.solvers._problem import Problem
from crosstask.solvers._solution import Solution

__all__ = [
    "Problem",
    "Solution",
    "alpha_grid",
    "has_leave_one_out",
    "leave_one_out",
    "path_coefficients",
    "path_decisions",
    "solve",
    "solve_path",
]

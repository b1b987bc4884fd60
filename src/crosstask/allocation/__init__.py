"""Which fit runs where and when: pilot fits, memory, workers, and a plan that is printed before and compared after."""

from __future__ import annotations

from crosstask.allocation._how import How
from crosstask.allocation._plan import Plan
from crosstask.allocation._schedule import Job, Workers, choose_workers, longest_first
from crosstask.allocation._watch import Spent, Watch, spent_by_method

__all__ = ["How", "Job", "Plan", "Spent", "Watch", "Workers", "choose_workers", "longest_first", "spent_by_method"]

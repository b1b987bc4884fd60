"""Statistics that travel: the moments of each task, from rows that never have to be in one place."""

from __future__ import annotations

from crosstask.summaries._rows import StandIn, stand_in_rows
from crosstask.summaries._statistics import TaskStatistics

__all__ = ["StandIn", "TaskStatistics", "stand_in_rows"]

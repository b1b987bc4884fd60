"""Who helps whom: affinity of tasks, groups, evidence for frozen features, and what shifts between tasks."""

from __future__ import annotations

from crosstask.affinity._affinity import task_affinity
from crosstask.affinity._grouped import GroupedTasks
from crosstask.affinity._groups import TaskGroups
from crosstask.affinity._log_evidence import log_evidence
from crosstask.affinity._result import TaskAffinity
from crosstask.affinity._shift_report import Shift, ShiftReport, shift_report

__all__ = [
    "GroupedTasks",
    "Shift",
    "ShiftReport",
    "TaskAffinity",
    "TaskGroups",
    "log_evidence",
    "shift_report",
    "task_affinity",
]

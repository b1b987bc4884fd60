"""Who helps whom: affinity of tasks, groups, and evidence for frozen features."""

from __future__ import annotations

from crosstask.affinity._affinity import TaskAffinity, task_affinity
from crosstask.affinity._grouped import GroupedTasks
from crosstask.affinity._groups import TaskGroups
from crosstask.affinity._log_evidence import log_evidence

__all__ = ["GroupedTasks", "TaskAffinity", "TaskGroups", "log_evidence", "task_affinity"]

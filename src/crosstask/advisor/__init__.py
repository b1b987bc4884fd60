"""Which way of sharing fits the tasks, the data and the time there is."""

from __future__ import annotations

from crosstask.advisor._advice import Advice
from crosstask.advisor._advise import advise, read_affinity
from crosstask.advisor._diagnose import Diagnosis, Outlier
from crosstask.advisor._findings import Finding
from crosstask.advisor._plan import plan
from crosstask.advisor._shortlist import Choice

__all__ = ["Advice", "Choice", "Diagnosis", "Finding", "Outlier", "advise", "plan", "read_affinity"]

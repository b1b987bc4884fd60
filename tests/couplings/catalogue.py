"""One instance of every coupling beyond the four first ones, for three tasks."""

from __future__ import annotations

from crosstask.couplings import ElementNorm, FusedInTime, GraphTied, TaskNorm, TraceNorm

PLAIN = [
    ElementNorm(0.7),
    TaskNorm(1.3),
    TraceNorm(0.8),
    GraphTied([(0, 1), (2, 1, 2.0)], weight=1.5),
    GraphTied(weights=[[0, 1, 1], [1, 0, 2], [1, 2, 0]], ridge=0.2),
    FusedInTime(weight=1.2),
    FusedInTime([2, 0, 1]),
]

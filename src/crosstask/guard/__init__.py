"""The guard against negative transfer: candidate models mixed task by task, and a verdict in words."""

from crosstask.guard._guard import TransferGuard

__all__ = ["TransferGuard"]

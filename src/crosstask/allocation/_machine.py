"""What this machine has: processors, memory that is free, memory that was used, an accelerator."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MEMINFO, STATUS = Path("/proc/meminfo"), Path("/proc/self/status")


def processors() -> int:
    """Return the number of processors that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())


def free_bytes() -> float:
    """Return the memory that can still be taken: what is available, and no more than a container allows.

    Infinite where the system does not say.
    """
    free = float("inf")
    try:
        line = next(line for line in MEMINFO.read_text().splitlines() if line.startswith("MemAvailable:"))
        free = 1024.0 * float(line.split()[1])
    except (OSError, StopIteration):
        if "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}):
            free = float(os.sysconf("SC_AVPHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    try:
        limit, used = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return free
    return free if limit == "max" else min(free, max(float(limit) - float(used) + _idle_file_pages(), 0.0))


def _idle_file_pages() -> float:
    """Return what a container's use counts of files that were read, which the system gives up when asked."""
    try:
        lines = (CGROUP / "memory.stat").read_text().splitlines()
        return float(next(line for line in lines if line.startswith("inactive_file ")).split()[1])
    except (OSError, StopIteration):
        return 0.0


def peak_bytes() -> float:
    """Return the most memory that this process has held so far; NaN where the system does not count it."""
    try:  # on Linux ru_maxrss counts what the parent held when it started this process
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024.0 * float(line.split()[1])
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak if sys.platform == "darwin" else 1024.0 * peak


def held_bytes() -> float:
    """Return the memory that this process holds now; where the system does not say, the most that it has held."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_bytes()
    return float(pages) * os.sysconf("SC_PAGE_SIZE")


def accelerator() -> str | None:
    """Return the name of the accelerator that networks will use; None where there is none, or no PyTorch."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return None
    from crosstask.neural._torch import pick_device

    device = pick_device("auto")
    if device.type == "cpu":
        return None
    if device.type != "cuda":
        return str(device.type)
    import torch

    return str(torch.cuda.get_device_name(device))

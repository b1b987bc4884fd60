"""Data that all jobs share, sent to a Dask cluster once, and to every worker of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def sent_once(*shared: Any) -> Generator[None]:
    """Send objects to all workers before the jobs that take them, where joblib runs on Dask; nothing elsewhere.

    joblib itself sends an argument to one worker, and with that worker it is lost. Arguments that belong to one job
    should be in a tuple, which travels with the job.
    """
    import joblib
    from joblib.parallel import get_active_backend

    backend: Any = get_active_backend()[0]
    if type(backend).__name__ != "DaskDistributedBackend":
        yield
        return
    options = {"client": backend.client, "wait_for_workers_timeout": backend.wait_for_workers_timeout}
    with joblib.parallel_config("dask", scatter=list(shared), **options):
        yield

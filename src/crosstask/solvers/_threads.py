"""One thread, where more only get into each other's way."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> Any:
    """Return a context in which BLAS uses one thread: more only get into each other's way on small matrices."""
    return _controller().limit(limits=1, user_api="blas")


def one_openmp_thread() -> Any:
    """Return a context in which scikit-learn's trees use one thread.

    Threads that wait for one another on small tables take ten times as long where the processors are busy.
    """
    return _controller().limit(limits=1, user_api="openmp")

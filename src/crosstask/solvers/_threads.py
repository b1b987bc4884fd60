"""One BLAS thread for many small matrices."""

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

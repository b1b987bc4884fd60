"""Small nets on one thread; skipped, with the reason, where PyTorch is absent."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install "crosstask[neural]"')


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

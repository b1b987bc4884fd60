"""Life after the first fit: whether the model still suits the rows that come now, and what a new fit changed."""

from crosstask.lifecycle._check import check
from crosstask.lifecycle._compare import compare
from crosstask.lifecycle._remarks import Remarks

__all__ = ["Remarks", "check", "compare"]

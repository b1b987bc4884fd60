"""What shift_report answers: numbers of each source, as a frame and as sentences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from crosstask.affinity._shift_words import sentence

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Shift:
    """Numbers of one source against the target; nan where they need labels of the target and there are none.

    Parameters
    ----------
    source : task id
    n_source, n_target, n_labelled : int
        Rows, and labelled rows of the target.
    auc, auc_low, auc_high : float
        Of a classifier that tells the two apart by X, on held-out rows, with DeLong's 95 % interval.
    mmd2 : float
        Squared maximum mean discrepancy of X, in the space of a Gaussian kernel.
    x_p : float
        p value of "X is distributed alike": twice the smaller of the two above.
    y_p : float
        p value of "y is distributed alike".
    x_given_y_p : float
        p value of "X given y is the same".
    y_given_x_p : float
        p value of "y given X is the same".
    prior_ratio : dict
        Class -> its frequency in the target over that in the source, by BBSE: no label of the target is used.
    loss_source, loss_target : float
        Of the source's model: on held-out source rows, on the target.
    due_to_x, due_to_y_given_x : float
        Parts of the difference of the two.
    verdict : str
        "none", "covariate", "label", "concept", or what remains possible.
    """

    source: Any
    n_source: int
    n_target: int
    n_labelled: int
    auc: float
    auc_low: float
    auc_high: float
    mmd2: float
    x_p: float
    y_p: float
    x_given_y_p: float
    y_given_x_p: float
    prior_ratio: dict[Any, float]
    loss_source: float
    loss_target: float
    due_to_x: float
    due_to_y_given_x: float
    verdict: str


@dataclass(frozen=True)
class ShiftReport:
    """One :class:`Shift` for each source; prints as one plain line for each."""

    target_task: Any
    shifts: list[Shift]

    def frame(self) -> pd.DataFrame:
        """Return a table with one row for each source."""
        import pandas as pd

        return pd.DataFrame([asdict(shift) for shift in self.shifts]).set_index("source")

    def __str__(self) -> str:
        return "\n".join(sentence(shift, self.target_task) for shift in self.shifts)

"""The lasso of a generalised linear model: along a path of alphas, on rows, or on their moments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from crosstask.losses import Loss, Squared
from crosstask.tasks import TaskMoments

Floats = NDArray[np.float64]
MOST_MOMENT_COLUMNS = 1000  # 8 MB of second moments for each source and fold; beyond, rows are read


@dataclass(frozen=True)
class LassoOptions:
    """What is the same in every fit of one estimator."""

    loss: Loss
    standardize: bool = True
    tol: float = 1e-6
    max_iter: int = 10_000


@dataclass(frozen=True)
class LassoPath:
    """Answers at alphas (A,): coefficients (A, d) and intercepts (A,) on the columns as they came."""

    coef: Floats
    intercept: Floats
    n_iter: int

    def decision(self, X: Floats) -> Floats:
        """Return x'w + b of rows (n, d) at every alpha, shape (A, n)."""
        return self.coef @ X.T + self.intercept[:, None]


class LassoData(ABC):
    r"""What a lasso can be fitted to.

    :math:`\frac1n \sum_i s_i L(y_i, o_i + x_i'w + b) + \alpha \sum_j \sigma_j |w_j|`:

    n is the sum of the weights s, o a known offset, and :math:`\sigma_j` the standard deviation of column j (1/n),
    or 1 without ``standardize``.
    """

    options: LassoOptions

    @abstractmethod
    def join(self, other: Any) -> LassoData:
        """Return the union of two disjoint sets of rows."""

    @abstractmethod
    def shifted(self, coef: Floats, intercept: float) -> LassoData:
        """Return the same rows with x'coef + intercept added to the offset."""

    @abstractmethod
    def largest_alpha(self) -> float:
        """Return the least alpha at which every coefficient is zero."""

    def sharper(self, factor: float) -> Self:
        """Return the same with this factor on the tolerance."""
        data: Any = self
        return replace(data, options=replace(self.options, tol=self.options.tol * factor))

    @abstractmethod
    def path(self, alphas: Floats, start: Floats | None = None) -> LassoPath:
        """Fit at falling alphas, each fit starting where the last ended."""


@dataclass(frozen=True)
class MomentData(LassoData):
    """Rows of a squared loss, of which only the moments are kept."""

    moments: TaskMoments
    options: LassoOptions

    @classmethod
    def of(cls, X: Floats, y: Floats, weight: Floats, options: LassoOptions) -> MomentData:
        """Take the moments of some rows."""
        total = weight.sum()
        mean, mean_y = weight @ X / total, float(weight @ y / total)
        centred, residual = X - mean, weight * (y - mean_y)
        gram = (centred.T * weight) @ centred
        moments = TaskMoments(
            np.array([total]),
            mean[None],
            np.array([mean_y]),
            gram[None],
            (residual @ centred)[None],
            np.array([residual @ (y - mean_y)]),
        )
        return cls(moments, options)

    def join(self, other: MomentData) -> MomentData:
        """Return the union of two disjoint sets of rows."""
        return replace(self, moments=self.moments + other.moments)

    def without(self, other: MomentData) -> MomentData:
        """Return what is left when some of the rows are taken away."""
        return replace(self, moments=self.moments - other.moments)

    def shifted(self, coef: Floats, intercept: float) -> MomentData:
        """Return the same rows with y - x'coef - intercept in the place of y."""
        m = self.moments
        image = m.gram[0] @ coef
        return replace(
            self,
            moments=replace(
                m,
                mean_y=m.mean_y - m.mean_x @ coef - intercept,
                xy=m.xy - image,
                yy=np.maximum(m.yy - 2.0 * (m.xy @ coef) + coef @ image, 0.0),
            ),
        )

    def largest_alpha(self) -> float:
        """Return the least alpha at which every coefficient is zero."""
        return largest_ratio(np.abs(self.moments.xy[0]) / self.moments.weight[0], self.penalty)

    @property
    def penalty(self) -> Floats:
        """Factor of each column; infinite for one without variance, which stays at zero."""
        variance = np.diag(self.moments.gram[0]) / self.moments.weight[0]
        return penalty_of(variance, self.moments.mean_x[0], self.options.standardize)

    def path(self, alphas: Floats, start: Floats | None = None) -> LassoPath:
        """Fit at falling alphas, by coordinate descent on the moments."""
        from crosstask.transfer._kernels import gram_path

        m, n = self.moments, float(self.moments.weight[0])
        begin = np.zeros(m.gram.shape[1]) if start is None else start
        tol = self.options.tol * float(m.yy[0])  # nothing is divided by n: that would copy the moments
        sweeps = self.options.max_iter * len(alphas)
        coef, n_iter = gram_path(m.gram[0], m.xy[0], self.penalty, n * alphas, begin, tol, sweeps)
        return LassoPath(coef, m.mean_y[0] - coef @ m.mean_x[0], n_iter)


@dataclass(frozen=True)
class RowData(LassoData):
    """Rows of any smooth loss with one linear predictor.

    Where a class has no row, half a row of each class stands at the mean of the rows, so that the intercept is finite.
    """

    X: Floats
    y: Floats
    weight: Floats
    offset: Floats
    options: LassoOptions

    def join(self, other: RowData) -> RowData:
        """Return the union of two disjoint sets of rows."""
        return replace(
            self,
            X=np.vstack([self.X, other.X]),
            y=np.concatenate([self.y, other.y]),
            weight=np.concatenate([self.weight, other.weight]),
            offset=np.concatenate([self.offset, other.offset]),
        )

    def take(self, rows: NDArray[np.bool_]) -> RowData:
        """Return some of the rows."""
        return replace(self, X=self.X[rows], y=self.y[rows], weight=self.weight[rows], offset=self.offset[rows])

    def shifted(self, coef: Floats, intercept: float) -> RowData:
        """Return the same rows with x'coef + intercept added to the offset."""
        return replace(self, offset=self.offset + self.X @ coef + intercept)

    @cached_property
    def problem(self) -> Any:
        """The same, centred and with prior rows, ready for Newton's steps."""
        from crosstask.transfer._newton_lasso import NewtonLasso

        return NewtonLasso(self)

    def largest_alpha(self) -> float:
        """Return the least alpha at which every coefficient is zero."""
        return self.problem.largest_alpha()

    def path(self, alphas: Floats, start: Floats | None = None) -> LassoPath:
        """Fit at falling alphas, by Newton's steps on the coefficients in use."""
        return self.problem.path(alphas, start)


def lasso_data(X: Floats, y: Floats, weight: Floats, options: LassoOptions) -> LassoData:
    """Return moments where the loss is squared and the columns are not too many, else rows."""
    if isinstance(options.loss, Squared) and X.shape[1] <= MOST_MOMENT_COLUMNS:
        return MomentData.of(X, y, weight, options)
    return RowData(X, y, weight, np.zeros(len(y)), options)


def penalty_of(variance: Floats, mean: Floats, standardize: bool) -> Floats:
    """Return the factor of each column in the penalty; infinite where the column is constant but for rounding."""
    deviation = np.sqrt(np.maximum(variance, 0.0))
    constant = deviation <= 1e-13 + 10.0 * np.finfo(np.float64).eps * np.abs(mean)
    factor = deviation if standardize else np.ones_like(deviation)
    return np.where(constant, np.inf, factor)


def largest_ratio(correlation: Floats, penalty: Floats) -> float:
    """Return the largest |correlation_j| / penalty_j."""
    return float(np.max(correlation / penalty, initial=0.0))

"""One instance of every coupling beyond the four first ones, for three tasks."""

from __future__ import annotations

from crosstask.couplings import (
    Clustered,
    Decomposed,
    ElementNorm,
    FeatureNorm,
    FusedInTime,
    GraphTied,
    MeanTied,
    Pooled,
    SharedSubspace,
    TaskCovariance,
    TaskNorm,
    TraceNorm,
    TwoLevels,
    dirty,
    low_rank_sparse,
    outlier_robust,
    robust_centre,
    robust_features,
)

PLAIN = [
    ElementNorm(0.7),
    TaskNorm(1.3),
    TraceNorm(0.8),
    GraphTied([(0, 1), (2, 1, 2.0)], weight=1.5),
    GraphTied(weights=[[0, 1, 1], [1, 0, 2], [1, 2, 0]], ridge=0.2),
    FusedInTime(weight=1.2),
    FusedInTime([2, 0, 1]),
    TwoLevels([0, 1, 0], between=0.5, weight=1.3),
    TwoLevels([0, 0, 1], between=2.0, centre_weight=0.0),
]

SPECTRAL = [
    TaskCovariance(),
    TaskCovariance(ridge=0.4, weight=0.5),
    SharedSubspace(n_components=1, weight=1.5),
    SharedSubspace(n_components=2, outside=0.3),
    Clustered(n_clusters=2, within=0.2),
    Clustered(n_clusters=2, centre_weight=0.0, weight=0.8),
]

SUMS = [
    dirty(element_weight=0.7),
    low_rank_sparse(),
    outlier_robust(),
    robust_features(),
    robust_centre(),
    robust_centre(centre_weight=0.3),
    Decomposed(Pooled(weight=0.0), FeatureNorm(), weight=1.5),
    Decomposed(Pooled(weight=0.0), TraceNorm(), TaskNorm(0.9)),
    Decomposed(MeanTied(centre_weight=0.5), FeatureNorm()),
]

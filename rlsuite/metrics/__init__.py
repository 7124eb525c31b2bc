"""Scores of runs and of comparisons: pure numpy functions of arrays, no torch; randomness is passed in."""

from rlsuite.metrics.correlation import midranks, spearman, stratified_spearman
from rlsuite.metrics.generalisation import curve_scores, grs, remarks
from rlsuite.metrics.gradients import agreement, disattenuated, gradient_agreement_score
from rlsuite.metrics.images import frechet_distance, inception_score, psnr, ssim
from rlsuite.metrics.intervals import (
    holm,
    iqm,
    iqm_intervals,
    mean_intervals,
    paired_interval,
    probability_of_improvement,
    resample_counts,
    sign_flip,
    stratified_iqm,
    trimmed_weights,
)
from rlsuite.metrics.pareto import hypervolume, pareto_front

__all__ = [
    "agreement",
    "curve_scores",
    "disattenuated",
    "frechet_distance",
    "gradient_agreement_score",
    "grs",
    "holm",
    "hypervolume",
    "inception_score",
    "iqm",
    "iqm_intervals",
    "mean_intervals",
    "midranks",
    "paired_interval",
    "pareto_front",
    "probability_of_improvement",
    "psnr",
    "remarks",
    "resample_counts",
    "sign_flip",
    "spearman",
    "ssim",
    "stratified_iqm",
    "stratified_spearman",
    "trimmed_weights",
]

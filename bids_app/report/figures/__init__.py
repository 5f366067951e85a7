"""The pictures of the report: each function takes arrays and writes one PNG, whole."""

from __future__ import annotations

from bids_app.report.figures.brain import flicker, mask_over_mean, r_map, tsnr_map
from bids_app.report.figures.eeg import clock, eeg_spectrum
from bids_app.report.figures.learning import learning_curves
from bids_app.report.figures.patterns import Explained, forward_patterns
from bids_app.report.figures.places import channel_distances
from bids_app.report.figures.scores import null_histogram, score_bars
from bids_app.report.figures.series import Course, carpet, motion, timecourses
from bids_app.report.figures.slices import thinned

__all__ = [
    "Course",
    "Explained",
    "carpet",
    "channel_distances",
    "clock",
    "eeg_spectrum",
    "flicker",
    "forward_patterns",
    "learning_curves",
    "mask_over_mean",
    "motion",
    "null_histogram",
    "r_map",
    "score_bars",
    "thinned",
    "timecourses",
    "tsnr_map",
]

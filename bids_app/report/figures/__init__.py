"""The pictures of the report: each function takes arrays and writes one PNG, whole."""

from __future__ import annotations

from bids_app.report.figures.brain import mask_over_mean, r_map, registration
from bids_app.report.figures.eeg import clock, eeg_spectrum
from bids_app.report.figures.scores import null_histogram, score_bars
from bids_app.report.figures.series import carpet, motion, timecourses

__all__ = [
    "carpet",
    "clock",
    "eeg_spectrum",
    "mask_over_mean",
    "motion",
    "null_histogram",
    "r_map",
    "registration",
    "score_bars",
    "timecourses",
]

"""From a BIDS folder to pairings: which EEG goes with which BOLD, and when."""

from bids_app.layout.check import check_dataset, choose_labels
from bids_app.layout.pair import find

__all__ = ["check_dataset", "choose_labels", "find"]

"""From a BIDS folder to pairings: which EEG goes with which BOLD, and when."""

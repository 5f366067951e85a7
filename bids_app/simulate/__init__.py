"""A BIDS dataset with a known EEG-to-BOLD coupling, and the truth behind it."""

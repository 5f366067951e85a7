"""Preprocessing, apart for each modality."""

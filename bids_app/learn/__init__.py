"""Training, prediction and evaluation, and models on disk."""

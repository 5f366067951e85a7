"""Derivatives on disk: their names, their sidecars, how they are found again."""

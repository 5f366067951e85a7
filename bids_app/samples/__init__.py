"""From prepared arrays to what a model sees."""

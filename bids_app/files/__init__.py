"""One file in, one value out, and back; no searching, no deciding."""

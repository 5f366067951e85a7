"""Pages that tell what was done and what it shows, made again at will from files on disk."""

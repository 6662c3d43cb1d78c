"""A lab's own searcher and scheduler, written against the public names of `orchestrator` alone."""

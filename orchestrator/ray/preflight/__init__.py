"""Looking at a cluster before a sweep pays for it."""

"""What a sweep has come to: the fold of its log, and what is asked of that state. Nothing here decides."""

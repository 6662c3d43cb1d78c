"""Reading learning curves: what a curve shows, and what to change."""

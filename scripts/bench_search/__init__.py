"""What scripts/bench-search compares searches by: tables of trained networks, our sweeps, and peers on the same."""

"""What scripts/bench measures of the package alone, one round in a process of its own: figures by their labels.

Each module holds one bench, `measure(arguments)`. What it imports of the package is what older versions have too, so
that `--against REV` can run it in an older tree.
"""

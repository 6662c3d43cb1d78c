"""What scripts/bench measures of the package alone, one round in a process of its own: figures by their labels.

Each module holds one bench, `measure(arguments)`. `--against REV` runs it in an older tree, too: what lay elsewhere
then, or had fewer fields, is in `older`.
"""

from bench_costs.older import look_elsewhere

look_elsewhere()

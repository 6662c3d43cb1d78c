"""The fault simulator: one seed is one sweep and what goes wrong under it, on pretended time.

The controller, the log, the lease, the bridge to Ray and what waits for storage are the real ones. Pretended are the
borders alone: a real folder whose operations fail, an object store in memory, clocks that somebody sets, Ray's loop,
and trainings that die, hang or say odd things. `play(seed)` plays it to the end and returns what was broken.
"""

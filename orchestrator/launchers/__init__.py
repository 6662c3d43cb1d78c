"""Launchers put a sweep on a kind of cluster. `local` is the embedded Ray of this machine, or a cluster it joins."""

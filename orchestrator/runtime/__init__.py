"""Doing: the log on disk, the controller that answers, and the hosts that ask it."""

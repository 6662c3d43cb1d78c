"""The engine: the controller that answers, a driver's session with its lease and journal, the simulator."""

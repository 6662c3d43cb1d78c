"""The engine: the fold of the log, the controller that answers, a driver's session, the simulator."""

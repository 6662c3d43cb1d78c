"""What runs in the driver: Ray's start, Tune's loop with the controller in it, the cluster's size."""

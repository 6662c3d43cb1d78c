"""What runs in a trial's processes: the training function or program, its reports and its end."""

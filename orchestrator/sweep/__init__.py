"""What a sweep is: domains, space, specification, plan, trials, events. Data only; nothing here decides or does."""

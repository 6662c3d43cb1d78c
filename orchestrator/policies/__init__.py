"""What follows from a sweep's state: what is next, who is ended, kept, confirmed. Pure; the controller acts."""

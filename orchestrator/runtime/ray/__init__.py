"""All that talks to a running Ray. Nothing outside this package imports ray; `host.run_on_ray` is the way in."""

"""All that talks to a running Ray: `host` in the driver, `worker` in a trial's processes, `preflight` before either."""

"""Commands and sweeps: plan, check, start, wait, tell."""

"""Tasks: environments with variation levels, as fast vector envs."""

"""FastVAR's pruning as an env: a ratio for each scale."""

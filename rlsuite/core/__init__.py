"""What everything stands on and what imports nothing of ours: interfaces, errors, files, seeds, signals."""

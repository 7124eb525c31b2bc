"""What Hydra 1.3 looks for in this namespace only. Kept light: every command imports it."""

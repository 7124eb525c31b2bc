"""2048 on packed boards."""

"""Reward-induced representations: sprites that move, encoders that are taught to foresee rewards, and their files."""

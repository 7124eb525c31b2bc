"""Reward functions: pure functions of a transition."""

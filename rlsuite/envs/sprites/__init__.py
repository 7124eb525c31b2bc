"""Sprites that move among distractors (CLVR)."""

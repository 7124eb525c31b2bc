"""Faster ways to the same numbers, and the gradients that are written out."""

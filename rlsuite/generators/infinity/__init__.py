"""Infinity: text to image, scale by scale, bit by bit."""

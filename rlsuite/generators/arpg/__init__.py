"""ARPG: tokens in any order, any number at once."""

"""Generating scale by scale, with pruning: what VAR and Infinity share."""

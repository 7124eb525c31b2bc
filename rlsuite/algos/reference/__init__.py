"""Policies that do not learn, to compare with."""

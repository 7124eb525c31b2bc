"""A run from start to end, and what happens beside its learning."""

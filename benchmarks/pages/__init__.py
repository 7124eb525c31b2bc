"""Fill the tables of docs/results from benchmarks/results."""

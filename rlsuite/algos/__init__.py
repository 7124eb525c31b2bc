"""Learning algorithms, built from a task and a technique; and the reference policies they must beat."""

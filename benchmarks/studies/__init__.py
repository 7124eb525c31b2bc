"""Trainings, baselines and ablations whose results docs/results shows."""

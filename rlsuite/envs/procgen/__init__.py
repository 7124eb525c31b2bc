"""Procgen's games; ``starpilot`` and ``coinrun`` are the choices."""

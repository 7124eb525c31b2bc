"""What makes two runs the same run: the one name of a chain of techniques, and the settings that decide nothing."""

from __future__ import annotations

UNDECIDING = frozenset(
    {"hydra", "hardware", "checkpoint", "choices", "best_models", "wandb", "dry_run", "diagnostics"}
)
"""Top-level keys of a config that never change a result, so two runs that differ only there are one run."""


def canonical(name: str) -> str:
    """Return the one name of a chain: its parts in order, each once, and ``baseline``, which adds nothing, left out."""
    parts = sorted(set(name.split("+")))
    return "+".join([part for part in parts if part != "baseline"] or parts)

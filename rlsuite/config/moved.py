"""What settings were called before: one table for every hint and message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MOVED_KEYS: dict[str, str] = {
    "agreement.lanes": "agreement.n_envs",
    "diagnostics.lanes": "diagnostics.n_envs",
    "algo.imagined_lanes": "algo.imagined_envs",
    "env.golden_folder": "env.reference_folder",
    "env.golden_gb": "env.reference_gb",
    "env.shift=seed": "env.shift=original",
    "experiment=seed_protocol": "experiment=original_protocol",
}
"""Former key, ``key=value`` or ``group=choice``, and what it is now."""


def now(key: str, value: object = None) -> str | None:
    """Say what a setting is called today; None for one that has not moved."""
    for former in (key, f"{key}={value}"):
        if former in MOVED_KEYS:
            return f"{former} is now {MOVED_KEYS[former]}"
    return None


def among(problems: Iterable[str]) -> Iterator[str]:
    """Yield what has moved of the settings that ``find_problems`` complains about, each as ``key: why``."""
    for problem in problems:
        key, _, value = problem.partition(": ")[0].partition("=")
        if said := now(key, value):
            yield said

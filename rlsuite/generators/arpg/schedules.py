"""Fixed decoding schedules: how many tokens each of T steps decodes. Pure functions of whole numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

SCHEDULES: dict[str, Callable[[float], float]] = {
    "arccos": lambda r: math.acos(r) / (math.pi / 2),
    "cosine": lambda r: math.cos(math.pi / 2 * r),
    "uniform": lambda r: 1 - r,
    "front": lambda r: (1 - r) ** 2,
    "back": lambda r: 1 - r**2.5,
}
"""Share of tokens still masked after a share r of the steps; arccos and cosine are upstream's."""


def schedule(name: str, positions: int, steps: int) -> list[int]:
    """Tokens of each step: (steps,), at least 1 each, ``positions`` in all.

    As upstream rounds: the tokens still masked are rounded down, and each step leaves at least one for those to come.

    Raises:
        ValueError: more steps than positions, or none.
    """
    if not 1 <= steps <= positions:
        raise ValueError(f"{positions} tokens take 1 to {positions} steps, not {steps}")
    masked, counts, done = SCHEDULES[name], [], 0
    for t in range(1, steps):
        left = positions - done
        stay = min(max(int(positions * masked(t / steps)), steps - t), left - 1)
        counts.append(left - stay)
        done += left - stay
    return [*counts, positions - done]


def smooth(weights: Sequence[float], positions: int) -> list[int]:
    """Turn positive weights of the steps into counts: at least 1 each, ``positions`` in all, largest remainders first."""
    free, total = positions - len(weights), sum(weights)
    shares = [free * w / total for w in weights]
    counts = [1 + int(s) for s in shares]
    order = sorted(range(len(shares)), key=lambda i: int(shares[i]) - shares[i])
    for i in order[: positions - sum(counts)]:
        counts[i] += 1
    return counts

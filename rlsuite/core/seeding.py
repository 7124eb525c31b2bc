"""Random seeds: one for each purpose, made from a run's own; and all global random streams as one value, to seed, save and restore."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch

from rlsuite.core.tree import Tree

Purpose = Literal["evaluation", "probe", "held-out sequences", "samples"]

FORMULAS: Mapping[Purpose, Callable[[int], int]] = {
    "evaluation": lambda seed: (seed + 1) * 1_000_003 % 2**31,
    "probe": lambda seed: (seed + 1) * 7_000_003 % 2**31,
    "held-out sequences": lambda seed: seed + 1_000_003,
    "samples": lambda seed: seed * 1_000_000,
}
"""What each purpose makes of a run's seed. Published numbers rest on these formulas, so they never change.

``evaluation``: envs on which policies are evaluated, the same for all agents of that seed. ``probe``: envs on which a loss is
looked at. ``held-out sequences``: those that an encoder is evaluated on. ``samples``: the first of the seeds of generated images.
"""


def derive(seed: int, purpose: Purpose) -> int:
    """Return the seed that a run with this seed uses for a purpose."""
    return FORMULAS[purpose](seed)


def derive_for_scale(seed: int, scale: int) -> int:
    """Return the seed of the random scores of one image at one scale, for the control that prunes at random."""
    return (seed * 1_000_003 + 7919 * scale + 1) % 2**63


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's global generators."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def get_rng_state() -> Tree:
    """Return the state of every global random stream as a tree of arrays and scalars."""
    version, words, gauss = random.getstate()
    name, keys, pos, has_gauss, cached = np.random.get_state()
    return {
        "python": {"version": version, "words": np.array(words, dtype=np.uint64), "gauss": gauss},
        "numpy": {"name": name, "keys": keys, "pos": pos, "has_gauss": has_gauss, "cached": cached},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_rng_state(state: Tree) -> None:
    """Restore what ``get_rng_state`` returned; do this last, since loading a model draws random numbers."""
    python, numpy = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(int(w) for w in python["words"]), python["gauss"]))
    np.random.set_state((numpy["name"], numpy["keys"], numpy["pos"], numpy["has_gauss"], numpy["cached"]))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Run the body on streams of its own, so that evaluating never changes learning."""
    saved = get_rng_state()
    seed_everything(seed)
    try:
        yield
    finally:
        set_rng_state(saved)

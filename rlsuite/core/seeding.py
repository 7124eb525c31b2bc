"""All global random streams as one value: seed them, save them, keep evaluation out of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from rlsuite.core.interfaces import Tree


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

"""CoinRun, Procgen's platformer: 10 for the coin at the end. Slow: nothing is learned before some million steps."""

from __future__ import annotations

from typing import ClassVar

from rlsuite.envs.procgen.vec_env import Procgen


class CoinRun(Procgen):
    """The task: run and jump to the coin."""

    game: ClassVar[str] = "coinrun"

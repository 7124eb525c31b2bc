"""The same action at every step."""

from __future__ import annotations

from rlsuite.algos.reference.policy import Schedule
from rlsuite.core.interfaces import Task, Technique


class Constant(Schedule):
    """Always play ``value`` (for discrete actions: its index)."""

    def __init__(
        self, *, task: Task, technique: Technique, seed: int, device: str = "cpu", value: float = 0.5
    ) -> None:
        super().__init__(task=task, technique=technique, seed=seed, device=device, actions=[value])

"""FastVAR's fixed hand-made pruning schedule, as a policy."""

from __future__ import annotations

from typing import ClassVar

from rlsuite.algos.reference.policy import Schedule
from rlsuite.core.interfaces import Task, Technique


class FastVAR(Schedule):
    """Play the task's "fixed FastVAR" schedule: Guo et al. (2025), https://arxiv.org/abs/2503.23367."""

    needs: ClassVar[frozenset[str]] = frozenset({"image"})

    def __init__(self, *, task: Task, technique: Technique, seed: int, device: str = "cpu") -> None:
        actions = task.schedules()["fixed FastVAR"]
        super().__init__(task=task, technique=technique, seed=seed, device=device, actions=actions)

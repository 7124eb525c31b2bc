"""ES: OpenAI's evolution strategy, built from a task."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Ge, Gt

from rlsuite.algos.common.evolution import EvolutionStrategy
from rlsuite.algos.common.learner import SB3Agent, training_env
from rlsuite.algos.common.schedules import LRSchedule, learning_rate_schedule
from rlsuite.algos.policies.masking import legal_actions_of
from rlsuite.algos.policies.population import ESPolicy
from rlsuite.core.interfaces import Task, Technique


class ES(SB3Agent, EvolutionStrategy):
    """``EvolutionStrategy`` whose envs play the technique's levels; it has no gradient that techniques could weigh.

    So ``gar`` is left out (and said to be): ``technique=gar`` trains as ``baseline``, ``gar+reg`` as ``reg``. ``reg``
    shrinks the weights as it does everywhere; ``weight_decay`` is the paper's own, a part of Adam's gradient.
    """

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete", "box"})
    techniques: ClassVar[frozenset[str] | None] = frozenset({"baseline", "reg", "dr", "gar"})
    ignores: ClassVar[frozenset[str]] = frozenset({"gar"})
    n_envs_setting: ClassVar[tuple[str, int]] = ("population", 2)  # mirrored members share their levels

    def __init__(
        self,
        *,
        task: Task,
        technique: Technique,
        seed: int,
        device: str = "cpu",
        population: Annotated[int, Gt(1)] = 18,
        episodes: Annotated[int, Gt(0)] = 1,
        sigma: Annotated[float, Gt(0)] = 0.1,
        learning_rate: Annotated[float, Gt(0)] = 0.05,
        lr_schedule: LRSchedule = "constant",
        weight_decay: Annotated[float, Ge(0)] = 0.005,
        restart: bool = False,
        normalize_observations: bool = True,
        net_arch: list[int] | None = None,
        mask_actions: bool = True,
    ) -> None:
        env = training_env(task, technique, population * episodes, seed)
        self.technique = technique
        super().__init__(
            ESPolicy,
            env,
            learning_rate=learning_rate_schedule(learning_rate, lr_schedule),
            population=population,
            episodes=episodes,
            sigma=sigma,
            groups=len(technique.levels),
            restart=restart,
            policy_kwargs={
                "net_arch": net_arch,
                "normalize_observations": normalize_observations,
                "weight_decay": weight_decay,
                "legal_actions": legal_actions_of(task, mask_actions),
            },
            seed=seed,
            device=device,
        )

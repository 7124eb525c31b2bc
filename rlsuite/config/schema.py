"""What the top level of a config must hold: the one place for the types and ranges of its keys.

``env``, ``algo``, ``technique`` and ``reward`` are described by the signatures of what they name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt

from rlsuite.config.signature import Injects, Section
from rlsuite.core.interfaces import Agent, Reward, Task, Technique
from rlsuite.core.ranges import Rising


@dataclass(frozen=True, kw_only=True)
class Evaluation(Section):
    """How a policy is judged, the same for every algorithm."""

    levels: Annotated[list[Annotated[float, Ge(0), Le(1)]], Rising(1)]
    episodes: Annotated[int, Gt(0)]  # a level, for each of greedy and sampled
    n_envs: Annotated[int, Gt(0)]  # envs stepped together
    every: Annotated[int, Ge(0)]  # steps between evaluations while training; 0: only at the end
    patience: Annotated[int, Ge(0)]  # evaluations without a new best before the run stops; 0: never


@dataclass(frozen=True, kw_only=True)
class Agreement(Section):
    """When and on what the agreement of the variations' gradients is measured; never changes learning."""

    every: Annotated[int, Ge(0)]  # steps between measurements; 0: never
    levels: Annotated[list[Annotated[float, Ge(0), Le(1)]], Rising(2)]  # variations compared
    n_envs: Annotated[int, Gt(0)]  # for each level and half
    steps: Annotated[int, Gt(0)]  # an env and measurement; samples a gradient = envs * steps


@dataclass(frozen=True, kw_only=True)
class Diagnostics(Section):
    """When and on what an actor-critic's gradients, values and advantages are looked at; never changes learning."""

    every: Annotated[int, Ge(0)]  # steps between looks; 0: never
    n_envs: Annotated[int, Gt(0)]  # for each half
    steps: Annotated[int, Gt(0)]  # an env and look


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Section):
    """When the state of a run is written down."""

    every_s: Annotated[float, Ge(0)]  # seconds between two checkpoints; 0: after every rollout


@dataclass(frozen=True, kw_only=True)
class WandB(Section):
    """Where a run is mirrored; never decides its result."""

    mode: Literal["disabled", "offline", "online"]
    project: str
    entity: str | None  # user or team; null: the account's default
    tags: list[str]


@dataclass(frozen=True, kw_only=True)
class Hardware(Section):
    """Where a run computes; never decides its result."""

    device: Literal["cpu", "cuda"]
    threads: Annotated[int, Gt(0)]


@dataclass(frozen=True, kw_only=True)
class Choices(Section):
    """The name chosen in each group; filled in by the config itself."""

    env: str
    algo: str
    technique: str
    reward: str
    hardware: str
    experiment: str | None


@dataclass(frozen=True, kw_only=True)
class Training(Section):
    """The whole of ``conf/config.yaml``."""

    seed: Annotated[int, Ge(0), Lt(2**32)]  # numpy's range
    total_steps: Annotated[int, Gt(0)]  # environment steps, summed over the envs
    evaluation: Evaluation
    agreement: Agreement
    diagnostics: Diagnostics
    checkpoint: Checkpoint
    best_models: str | None  # folder that keeps the best model of each algorithm and env; null: none is kept
    wandb: WandB
    hardware: Hardware
    dry_run: bool
    choices: Choices
    reward: Reward
    env: Annotated[Task, Injects(("reward",))]
    algo: Annotated[Agent, Injects(("task", "technique", "seed", "device"))]
    technique: dict[str, Technique]


@dataclass(frozen=True, kw_only=True)
class Evaluating(Section):
    """The whole of ``conf/evaluate.yaml``."""

    run: str
    level: Annotated[float, Ge(0), Le(1)] | None
    levels: Annotated[list[Annotated[float, Ge(0), Le(1)]], Rising(1)]
    episodes: Annotated[int, Gt(0)]  # a level, for every policy
    n_envs: Annotated[int, Gt(0)]
    hardware: Hardware
    dry_run: bool


@dataclass(frozen=True, kw_only=True)
class Pretraining(Section):
    """The whole of ``conf/pretrain.yaml``."""

    seed: Annotated[int, Ge(0), Lt(2**32)]
    checkpoint: Checkpoint
    hardware: Hardware
    dry_run: bool
    choices: dict[str, str | None]
    reward: Reward | None = None
    env: Annotated[Task | None, Injects(("reward",))] = None  # for models that learn from play
    model: Annotated[Any, Injects(("seed", "task"))]


Schema = type[Any]

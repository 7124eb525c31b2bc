"""What the top level of a config must hold: the one place for the types and ranges of its keys.

``env``, ``algo``, ``technique`` and ``reward`` are nodes: the signatures of what they name describe them. A checked config
becomes one of the three classes below at the entrance (``rlsuite.config.settings``); nothing behind it sees a ``DictConfig``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Lt

from rlsuite.config.node import Node
from rlsuite.config.signature import Injects
from rlsuite.core.ranges import Rising
from rlsuite.core.sections import Section


@dataclass(frozen=True, kw_only=True)
class Evaluation(Section):
    """How a policy is evaluated, the same for every algorithm."""

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

    mode: Literal["disabled", "offline", "online"] = "disabled"
    project: str = "rlsuite"
    entity: str | None = None  # user or team; null: the account's default
    tags: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Hardware(Section):
    """Where a run computes; never decides its result."""

    device: Literal["cpu", "cuda"]
    threads: Annotated[int, Gt(0)]


@dataclass(frozen=True, kw_only=True)
class ChoiceNames(Section):
    """The name chosen in each group; filled in by the config itself."""

    env: str
    algo: str
    technique: str
    reward: str
    hardware: str
    experiment: str | None


@dataclass(frozen=True, kw_only=True)
class CommandSettings(Section):
    """The whole of a command's config; ``config_name`` is its yaml below ``conf``."""

    config_name: ClassVar[str]
    dry_run: bool
    hardware: Hardware


@dataclass(frozen=True, kw_only=True)
class Training(CommandSettings):
    """The whole of ``conf/config.yaml``."""

    config_name = "config"

    seed: Annotated[int, Ge(0), Lt(2**32)]  # numpy's range
    total_steps: Annotated[int, Gt(0)]  # environment steps, summed over the envs
    evaluation: Evaluation
    agreement: Agreement
    diagnostics: Diagnostics
    checkpoint: Checkpoint
    best_models: str | None = (
        None  # folder that keeps the best model of each algorithm and env; null: none is kept
    )
    wandb: WandB = WandB()
    choices: ChoiceNames
    technique: dict[str, Node]
    reward: Node
    env: Annotated[Node, Injects(("reward",))]
    algo: Annotated[Node, Injects(("task", "technique", "seed", "device"))]


@dataclass(frozen=True, kw_only=True)
class Evaluating(CommandSettings):
    """The whole of ``conf/evaluate.yaml``."""

    config_name = "evaluate"

    run: str
    level: Annotated[float, Ge(0), Le(1)] | None
    levels: Annotated[list[Annotated[float, Ge(0), Le(1)]], Rising(1)]
    episodes: Annotated[int, Gt(0)]  # a level, for every policy
    n_envs: Annotated[int, Gt(0)]

    @property
    def chosen_levels(self) -> list[float]:
        """The one ``level`` if there is one, else ``levels``."""
        return list(self.levels) if self.level is None else [self.level]


@dataclass(frozen=True, kw_only=True)
class Pretraining(CommandSettings):
    """The whole of ``conf/pretrain.yaml``."""

    config_name = "pretrain"

    seed: Annotated[int, Ge(0), Lt(2**32)]
    checkpoint: Checkpoint
    choices: dict[str, str | None]
    model: Annotated[Node, Injects(("seed", "task"))]
    reward: Node | None = None
    env: Annotated[Node | None, Injects(("reward",))] = None  # for models that learn from play


Schema = type[CommandSettings]
Whole = TypeVar("Whole", bound=CommandSettings)

"""What a world model is like and how it is taught: the yaml nodes of ``algo=world_model`` and ``algo=world_model_dyna``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt

from rlsuite.algos.world_models.controller_learning import ControllerUpdate
from rlsuite.core.sections import Section
from rlsuite.worldmodel.quantizer import Quantizer
from rlsuite.worldmodel.vision import Pool


@dataclass(frozen=True, kw_only=True)
class ControllerSettings(Section):
    """Actor and critic.

    Attributes:
        layers: hidden layers; none: both are linear.
        update: ``a2c``: one pass over the rollout; ``ppo``: ``n_epochs`` passes with a clipped ratio; ``reinforce``: one
            pass by returns instead of advantages, Monte Carlo ones if ``gae_lambda`` is 1.
        n_epochs: passes of ``ppo``.
        batch_size: steps in a minibatch.
        clip_range: of the ratio of ``ppo``.
    """

    layers: Sequence[Annotated[int, Gt(0)]] = (128, 64)
    update: ControllerUpdate = "a2c"
    n_epochs: Annotated[int, Gt(0)] = 4
    batch_size: Annotated[int, Gt(1)] = 128
    clip_range: Annotated[float, Gt(0)] = 0.2


@dataclass(frozen=True, kw_only=True)
class ModelTrainingSettings(Section):
    """How the world model is taught.

    Attributes:
        rate: its learning rate, as a multiple of that of actor and critic.
        memory_coef: weight of memory's and the heads' loss beside vision's.
        warm_up: steps before the first update, on which vision takes its units and the model begins.
        warm_up_updates: updates of the model then.
        updates: of the model after each rollout.
        batch: pieces of the past in an update.
        length: steps of a piece.
        replay: steps that are kept for it, of all envs together.
    """

    rate: Annotated[float, Gt(0)] = 1.0
    memory_coef: float = 0.1
    warm_up: Annotated[int, Gt(0)] = 1024
    warm_up_updates: Annotated[int, Ge(0)] = 300
    updates: Annotated[int, Ge(0)] = 10
    batch: Annotated[int, Gt(0)] = 16
    length: Annotated[int, Gt(1)] = 32
    replay: Annotated[int, Gt(0)] = 20_000


@dataclass(frozen=True, kw_only=True)
class VisionSettings(Section):
    """What codes observations.

    Attributes:
        path: file of ``rlsuite.pretrain model=vision`` to begin with; its settings win over these.
        train: False leaves it as it was initialised.
        quantizer: what codes are.
        groups: codes of a vector observation; pictures have a grid.
        codes: in a book; levels of ``fsq``.
        code_dim: numbers of a code.
        hidden: width of its layers.
        pool: of pictures: ``grid`` keeps each place's code, ``mean`` averages the encodings to a single code.
    """

    main: ClassVar[str | None] = "path"

    path: str | None = None
    train: bool = True
    quantizer: Quantizer = "vq"
    groups: Annotated[int, Gt(0)] = 8
    codes: Annotated[int, Gt(1)] = 32
    code_dim: Annotated[int, Gt(0)] = 4
    hidden: Annotated[int, Gt(0)] = 64
    pool: Pool = "grid"


@dataclass(frozen=True, kw_only=True)
class MemorySettings(Section):
    """The transformer that sums up what was.

    Attributes:
        path: file of ``rlsuite.pretrain model=memory`` to begin with, which holds its vision too.
        train: False leaves memory and heads as they were initialised.
        width: numbers of its state h.
        layers: 0: h is a function of the present alone.
        heads: of its attention.
        window: tokens each layer reaches back.
    """

    main: ClassVar[str | None] = "path"

    path: str | None = None
    train: bool = True
    width: Annotated[int, Gt(0)] = 64
    layers: Annotated[int, Ge(0)] = 2
    heads: Annotated[int, Gt(0)] = 4
    window: Annotated[int, Gt(0)] = 16


@dataclass(frozen=True, kw_only=True)
class EnsembleSettings(Section):
    """Dyna's model: an ensemble of small networks.

    Attributes:
        members: networks.
        hidden: width of their two layers.
        rate: its learning rate.
        updates: of the model after each real rollout.
    """

    members: Annotated[int, Gt(0)] = 5
    hidden: Annotated[int, Gt(0)] = 64
    rate: Annotated[float, Gt(0)] = 1e-3
    updates: Annotated[int, Gt(0)] = 150


@dataclass(frozen=True, kw_only=True)
class ImaginationSettings(Section):
    """Dyna's rollouts in its model.

    Attributes:
        batches: rollouts after each real one, a gradient step each.
        n_envs: envs of such a rollout.
        horizon: its steps.
    """

    batches: Annotated[int, Gt(0)] = 40
    n_envs: Annotated[int, Gt(0)] = 128
    horizon: Annotated[int, Gt(0)] = 25

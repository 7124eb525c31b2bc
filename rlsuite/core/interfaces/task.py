"""What is learned on: an env at every variation level."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from rlsuite.core.interfaces.base import Interface

if TYPE_CHECKING:
    import numpy as np
    import torch
    from stable_baselines3.common.vec_env import VecEnv

    from rlsuite.core.interfaces.agent import Agent
    from rlsuite.core.interfaces.reward import Reward

ActionKind = Literal["discrete", "box", "ranking"]
"""``ranking``: (1 + n,) int, how many of n places to take less one, then all places, the first to be taken first."""
ObservationKind = Literal["vector", "map", "pixels"]
"""(n,); (C, H, W) of a board or of feature maps; pictures (C, H, W) uint8 of 0-255."""
ByObservation = Callable[["np.ndarray"], "np.ndarray"]
"""A function of a batch of observations alone."""


class Task(Interface):
    """What an agent learns on and is evaluated on.

    A class below ``rlsuite/envs``; its keyword arguments are the keys of ``conf/env/<choice>.yaml``. Levels lie in [0, 1].
    """

    reward: Reward
    """What pays; with another one than the env's own, returns have another range."""
    offers: ClassVar[frozenset[str]] = frozenset()
    """What it has beyond observations and rewards ("image", "pixels", ...); a reward or an algorithm may ``need`` it."""
    progress_metric: ClassVar[str | None] = None
    """The entry of an episode's ``info["metrics"]`` that the progress line shows."""
    frame_stack: int = 1
    """Frames that its pictures are stacked from; each is then stored once."""
    residual_actions: bool = False
    """True where actions of 1/2 are a hand-made policy: learners with such actions begin there."""
    legal_actions: ByObservation | None = None
    """(n, actions) bool by which learners mask; of a ``ranking``: those of the counts, then those of the places."""
    prior: ByObservation | None = None
    """(n, actions) logits of a hand-made policy from which a learner may begin; of a ``ranking`` as above."""
    afterstates: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None
    """What each action makes of a board before chance answers (see ``rlsuite.algos.td_ntuple``)."""

    @abstractmethod
    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> VecEnv:
        """Build the fastest honest vector env: env i plays ``levels[i % len(levels)]``, seeded from ``seed``."""

    @staticmethod
    def action_kind(**settings: object) -> ActionKind | None:
        """Tell the kind of action space from the yaml's values alone; None: not known before it is built."""
        return None

    @staticmethod
    def observation_kind(**settings: object) -> ObservationKind | None:
        """Tell the kind of observations from the yaml's values alone; None: not known before it is built."""
        return None

    def to(self, device: str | torch.device) -> None:
        """Compute on ``device``; nothing where nothing is computed."""

    def evaluation_task(self) -> Task:
        """Return the task on which policies are evaluated, of the same spaces: another where this one is a cheaper stand-in."""
        return self

    def score_range(self, level: float) -> tuple[float, float] | None:
        """Return the env's own return of the better of random play and doing nothing, and of the best known policy."""
        return None

    def schedules(self) -> Mapping[str, Sequence[object]]:
        """Return open-loop action sequences by name that a learner should beat."""
        return {}

    def pictures(self, agent: Agent) -> Mapping[str, np.ndarray]:
        """Return pictures by name, (H, W, 3) uint8; (T, H, W, 3) of what moves."""
        return {}

    def transcript(self, agent: Agent) -> str | None:
        """Return an episode as text."""
        return None

    def summary(self, policies: Mapping[str, Mapping[str, Sequence[float]]]) -> str | None:
        """Return what ``policies[name]``, raw values of episodes, say in the task's own terms."""
        return None

"""What is learned on: an env at every variation level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

ActionKind = Literal["discrete", "box", "ranking"]
"""``ranking``: (1 + n,) int, how many of n places to take less one, then all places, the first to be taken first."""
ObservationKind = Literal["vector", "map", "pixels"]
"""(n,); (C, H, W) of a board or of feature maps; pictures (C, H, W) uint8 of 0-255."""


class Task(Protocol):
    """What an agent learns on and what it is judged on.

    A class in ``rlsuite/envs/<choice>.py``; its keyword arguments are the keys of ``conf/env/<choice>.yaml``.
    ``vec_env`` gives env i the variation ``levels[i % len(levels)]``; levels lie in [0, 1]. A class attribute ``offers``
    names what it has beyond observations and rewards ("image", "pixels"); a reward or an algorithm may ``need`` it. Optional
    methods: ``to(device)`` for a task that computes; ``pictures(agent)``, (H, W, 3) uint8 images by name, (T, H, W, 3) what moves; ``transcript(agent)``,
    an episode as text; ``summary(policies)``, what ``policies[name]``, raw values of episodes, say in the task's own terms, as
    text; ``schedules()``, open-loop action sequences by name that a learner should beat; ``legal_actions(observations)``,
    (n, actions) bool, by which learners mask; ``prior(observations)``, (n, actions) logits of a hand-made policy from which a
    learner may begin (of a ``ranking``, for both: those of the counts, then those of the places); ``afterstates(observations)`` (see ``algos.td_ntuple``); ``score_range(level)``,
    the env's own return of the better of random play and doing nothing, and of a perfect (or the best known) policy, by which
    scores of different envs become comparable (see ``metrics.curve_scores``); an attribute ``residual_actions``, true where actions of
    1/2 are a hand-made policy, at which learners with such actions begin; ``evaluation_task()``, the task on which policies are judged,
    of the same spaces, where this one is a cheaper stand-in to learn on; the static ``observation_kind(**config)``, like
    ``action_kind``, and ``refusals(levels, **config)``, sentences that say why it cannot be played at ``levels`` or on this
    machine. A class attribute ``frame_stack`` tells how many frames its pictures are stacked from (see ``algos.frames``); and
    ``progress_metric`` names the entry of an episode's ``info["metrics"]`` that the progress line shows.
    """

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Tell the kind of action space from the yaml's values alone: used before anything is built."""
        ...

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> VecEnv:
        """Build the fastest honest vector env: ``n_envs`` envs, seeded with ``seed``."""
        ...

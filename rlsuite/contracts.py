"""The five small interfaces everything meets through, and the errors a user may see.

Imports nothing of ours and nothing heavy, so that a configuration can be checked without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from stable_baselines3.common.vec_env import VecEnv
    from torch import Tensor

UNDECIDING = frozenset(
    {"hydra", "hardware", "checkpoint", "choices", "best_models", "wandb", "dry_run", "diagnostics"}
)
"""Top-level keys of a config that never change a result, so two runs that differ only there are one run."""

ActionKind = Literal["discrete", "box", "ranking"]
"""``ranking``: (1 + n,) int, how many of n places to take less one, then all places, the first to be taken first."""
ObservationKind = Literal["vector", "map", "pixels"]
"""(n,); (C, H, W) of a board or of feature maps; pictures (C, H, W) uint8 of 0-255."""
Tree = Any
"""A nested dict / list of tensors, arrays and JSON scalars: what a checkpoint can hold."""


class UserError(Exception):
    """A mistake a user can mend: shown as one clear message, without a traceback (exit code 1)."""


def complaint(make: Callable[[], object]) -> Iterator[str]:
    """Yield why something cannot be made, if a user can mend it; only for what costs nothing to make."""
    try:
        make()
    except UserError as error:
        yield str(error)


class Diverged(Exception):  # noqa: N818 - a state a run ends in, not a programming error
    """A loss or gradient stopped being finite: the run ends, its last good checkpoint stays."""


@dataclass(frozen=True)
class Gt:
    """Range metadata for ``Annotated``: the value is greater than ``bound``."""

    bound: float
    text: ClassVar[str] = "> {}"

    def holds(self, value: float) -> bool:
        """Tell whether ``value`` lies in the range."""
        return value > self.bound


@dataclass(frozen=True)
class Ge(Gt):
    """Range metadata for ``Annotated``: the value is at least ``bound``."""

    text: ClassVar[str] = ">= {}"

    def holds(self, value: float) -> bool:
        """Tell whether ``value`` lies in the range."""
        return value >= self.bound


@dataclass(frozen=True)
class Lt(Gt):
    """Range metadata for ``Annotated``: the value is less than ``bound``."""

    text: ClassVar[str] = "< {}"

    def holds(self, value: float) -> bool:
        """Tell whether ``value`` lies in the range."""
        return value < self.bound


@dataclass(frozen=True)
class Le(Gt):
    """Range metadata for ``Annotated``: the value is at most ``bound``."""

    text: ClassVar[str] = "<= {}"

    def holds(self, value: float) -> bool:
        """Tell whether ``value`` lies in the range."""
        return value <= self.bound


@dataclass(frozen=True)
class Rising(Gt):
    """Range metadata for ``Annotated``: a list of at least ``bound`` numbers in increasing order."""

    text: ClassVar[str] = "of {} or more numbers, each greater than the one before"

    def holds(self, value: Sequence[Any]) -> bool:  # type: ignore[override]
        """Tell whether the numbers among ``value`` rise; what is none is a fault of its own."""
        numbers = [item for item in value if isinstance(item, int | float)]
        return len(value) >= self.bound and numbers == sorted(set(numbers))


class Task(Protocol):
    """What an agent learns on and what it is judged on.

    A class in ``rlsuite/envs/<choice>.py``; its keyword arguments are the keys of ``conf/env/<choice>.yaml``.
    ``vec_env`` gives lane i the variation ``levels[i % len(levels)]``; levels lie in [0, 1]. A class attribute ``offers``
    names what it has beyond observations and rewards ("image", "pixels"); a reward or an algorithm may ``need`` it. Optional
    methods: ``to(device)`` for a task that computes; ``pictures(agent)``, (H, W, 3) uint8 images by name, (T, H, W, 3) what moves; ``transcript(agent)``,
    an episode as text; ``summary(policies)``, what ``policies[name]``, raw values of episodes, say in the task's own terms, as
    text; ``schedules()``, open-loop action sequences by name that a learner should beat; ``legal_actions(observations)``,
    (n, actions) bool, by which learners mask; ``prior(observations)``, (n, actions) logits of a hand-made policy from which a
    learner may begin (of a ``ranking``, for both: those of the counts, then those of the places); ``afterstates(observations)`` (see ``algos.td_ntuple``); ``score_range(level)``,
    the env's own return of the better of random play and doing nothing, and of a perfect (or the best known) policy, by which
    scores of different envs become comparable (see ``metrics.curve_scores``); an attribute ``residual``, true where actions of
    1/2 are a hand-made policy, at which learners with such actions begin; ``judged_as()``, the task on which policies are judged,
    of the same spaces, where this one is a cheaper stand-in to learn on; the static ``observation_kind(**config)``, like
    ``action_kind``, and ``refusals(levels, **config)``, sentences that say why it cannot be played at ``levels`` or on this
    machine. A class attribute ``frame_stack`` tells how many frames its pictures are stacked from (see ``algos.frames``); and
    ``headline`` names the entry of an episode's ``info["metrics"]`` that the progress line shows.
    """

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Tell the kind of action space from the yaml's values alone: used before anything is built."""
        ...

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> VecEnv:
        """Build the fastest honest vector env: ``n_envs`` lanes, seeded with ``seed``."""
        ...


class Agent(Protocol):
    """Stable-Baselines3's public face, plus an exact state. Built with ``task, technique, seed, device``."""

    action_kinds: ClassVar[frozenset[str]]
    techniques: ClassVar[frozenset[str] | None]  # names it can serve; None: all
    # an optional class attribute ``ignores`` names techniques it accepts but cannot apply: it then runs without them
    # an optional static ``refusals(**config)`` yields sentences that say why it cannot learn with these settings
    # an optional ``reads`` tells which kinds of observations "setting=value", or "setting" with any value but null, can read
    action_space: Any
    device: Any
    num_timesteps: int

    def keep_in(self, folder: Path) -> None:
        """Use ``folder`` for what is too large for a checkpoint."""
        ...

    def learn(self, total_timesteps: int, callback: Any = None, reset_num_timesteps: bool = True) -> Any:
        """Interact and learn until ``total_timesteps`` env steps, summed over the lanes."""
        ...

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """Return the actions of a batch of observations, and the recurrent state."""
        ...

    def save(self, path: Any) -> None:
        """Write the model for others to load."""
        ...

    def get_state(self) -> Tree:
        """Return all that decides how learning goes on, at a rollout boundary."""
        ...

    def set_state(self, state: Tree) -> None:
        """Continue from a tree that ``get_state`` returned."""
        ...

    def parameters_tree(self) -> Mapping[str, np.ndarray]:
        """Return the policy's arrays by name: what ``parameter_hash`` is computed over."""
        ...


Index = Any
"""What selects samples of a minibatch: a slice, their positions (k,) int64, or a boolean tensor (batch,)."""

Loss = Callable[[Index], "Tensor"]
"""The mean loss (scalar tensor) of the selected samples of one minibatch."""

Losses = Callable[[Index], "tuple[Tensor, Tensor]"]
"""The actor's and the critic's loss, each as it is weighed, of the selected samples; their sum is the ``Loss``."""

Metrics = dict[str, Any]
"""What is worth logging of one update: numbers or scalar tensors, the same keys every time."""


class Technique(Protocol):
    """How the minibatches of several variations become one gradient (one batch per domain, as in DomainBed).

    A technique keeps no state of its own: it is a function of the minibatch, so that a resumed run is exact. Optional:
    ``attach(policy)``, called once when the policy and its optimizer stand, to hook into them; ``extend(loss)``, which
    returns a loss with something added, so that a chain can add it too; and class attributes
    ``combines``, true where ``technique=a+b`` may name it (see ``rlsuite.techniques.chain``), and ``reads``, the kinds of
    observation it is for (see ``Task.observation_kind``).
    """

    levels: tuple[float, ...]  # the variations it trains on

    def backward(self, loss: Loss, domains: Tensor, parameters: Sequence[Tensor]) -> Metrics:
        """Leave the gradient in ``parameters[i].grad`` (zeroed before); return what is worth logging.

        ``domains`` (batch,) int64 tells each sample's variation, the index into ``levels``.
        """
        ...


@dataclass(frozen=True)
class Transition:
    """One step of a batch of lanes, as rewards see it; every array is (n_lanes,) unless said."""

    env_reward: np.ndarray
    terminated: np.ndarray
    info: Mapping[str, np.ndarray] = field(default_factory=dict)


class Reward(Protocol):
    """A pure function of a transition; rewards see no env, envs see no formula."""

    def __call__(self, transition: Transition) -> np.ndarray:
        """Return the reward of each lane, float (n_lanes,)."""
        ...

    def terms(self, transition: Transition) -> Mapping[str, np.ndarray]:
        """Return the components worth showing in ``info``, each (n_lanes,)."""
        ...


class Generator(Protocol):
    """A step-wise image generator: batch first, every mutable thing inside the state."""

    def begin(self, labels: Any, seeds: Any, cfg: Any = ...) -> Any:
        """Start one image a lane: ``labels`` (B,), ``seeds`` (B,)."""
        ...

    def step(self, state: Any, action: Any = ...) -> Any:
        """Generate the next part of every image; returns the new state."""
        ...

    def decode(self, images: Any) -> Tensor:
        """Return the images so far, float (B, C, H, W) in [0, 1]."""
        ...

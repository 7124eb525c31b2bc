"""Any registered Gymnasium env: its levels are arguments of its constructor, given in the yaml.

Towers et al., "Gymnasium: a standard interface for reinforcement learning environments" (2024), https://arxiv.org/abs/2407.17032.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import gymnasium
import numpy as np
from annotated_types import Gt
from gymnasium import spaces

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import NO_USE, ActionKind, ObservationKind, Reward, Task, Use
from rlsuite.core.spaces import is_picture
from rlsuite.envs.common.replayed import Outcome, ReplayedVecEnv
from rlsuite.envs.gym.making import discard, make, shown_space

EnvArguments = Mapping[str, Any] | None
Levels = Mapping[float, EnvArguments] | None


class GymVecEnv(ReplayedVecEnv):
    """One env an env. Pictures are shown as (channels, height, width), all else as vectors, what is discrete as one-hot."""

    def __init__(self, task: Gym, levels: Sequence[float], n_envs: int) -> None:
        self.task = task
        self.envs: list[gymnasium.Env] = []
        probe = task.make(0.0)
        self.seen, self.taken = probe.observation_space, probe.action_space
        probe.close()
        action_space = spaces.Discrete(int(self.taken.n)) if task.discrete(self.taken) else self.taken
        shown = shown_space(self.seen, task.frame_stack)
        super().__init__(levels, n_envs, shown, action_space, task.reward, task.frame_stack)
        task.arguments_of(self.env_levels.tolist())  # refuses an impossible level now
        self.envs = [task.make(level) for level in self.env_levels.tolist()]
        self.made_for, self.used = self.env_levels.copy(), np.zeros(n_envs, dtype=bool)
        self.frames = np.zeros((n_envs, self.channels, *shown.shape[1:]), dtype=shown.dtype)
        self.infos: list[dict[str, Any]] = [{} for _ in range(n_envs)]

    def _begin(self, env: int, seed: int, level: float) -> None:
        if level != self.made_for[env] or (self.used[env] and self.task.renew):
            discard(self.envs[env])
            self.envs[env], self.made_for[env] = self.task.make(level), level
        self.used[env] = True
        observation, self.infos[env] = self.envs[env].reset(seed=seed)
        self._keep(env, observation)

    def _play(self, env: int, action: np.ndarray) -> Outcome:
        taken = int(action) + int(self.taken.start) if isinstance(self.taken, spaces.Discrete) else action
        observation, reward, terminated, truncated, self.infos[env] = self.envs[env].step(taken)
        self._keep(env, observation)
        return Outcome(float(reward), bool(terminated), bool(truncated))

    def _keep(self, env: int, observation: Any) -> None:
        if is_picture(self.seen, channels_first=False):
            self.frames[env] = observation.transpose(2, 0, 1)
        else:
            self.frames[env] = spaces.flatten(self.seen, observation)

    def _look(self, envs: np.ndarray) -> np.ndarray:
        return self.frames[envs]

    def _episode_info(self, env: int) -> dict[str, Any]:
        """Say whether the episode was a success, where the env does."""
        names = [name for name in ("is_success", "success") if name in self.infos[env]]
        return {"is_success": bool(self.infos[env][names[0]])} if names else {}

    def name(self) -> str:
        """Return the env's id."""
        return self.task.id

    def close(self) -> None:
        """Close the envs."""
        for env in self.envs:
            discard(env)
        self.envs = []


class Gym(Task):
    """The task: a registered env as it is.

    Args:
        id: Its registered id; ``package:Id`` imports the package first, if RLSUITE_PACKAGES names it.
        arguments: Of its constructor, at every level.
        levels: Further arguments by variation level in (0, 1], such as ``{0.5: {g: 12}}``; without them there is level 0 only.
        max_steps: At which episodes are truncated; None: the registered number.
        frame_stack: Frames an observation shows.
        renew: Make the env anew for each episode. Some remember earlier ones in spite of a seed (a Box2D world that was used
            before orders its contacts in another way): with ``False`` they do not resume exactly. It costs what making one does.
    """

    offers: ClassVar[frozenset[str]] = frozenset({"repeatable start"})

    def __init__(
        self,
        *,
        reward: Reward,
        id: str,
        arguments: dict[str, Any] | None = None,
        levels: dict[float, dict[str, Any]] | None = None,
        max_steps: Annotated[int, Gt(0)] | None = None,
        frame_stack: Annotated[int, Gt(0)] = 1,
        renew: bool = True,
    ) -> None:
        self.reward, self.id, self.max_steps = reward, id, max_steps
        self.frame_stack, self.renew = frame_stack, renew
        self.settings = settings_by_level(arguments, levels)

    def arguments_of(self, levels: Sequence[float]) -> list[Mapping[str, Any]]:
        """Return the constructor's arguments of each of ``levels``.

        Raises:
            UserError: If one is not named.
        """
        for level in levels:
            if level not in self.settings:
                raise UserError(out_of_range(level, self.settings))
        return [self.settings[level] for level in levels]

    def make(self, level: float) -> gymnasium.Env:
        """Return the env of a level."""
        return make(self.id, self.arguments_of([level])[0], self.max_steps)

    @staticmethod
    def discrete(space: spaces.Space) -> bool:
        """Tell whether actions are numbers of choices."""
        return isinstance(space, spaces.Discrete)

    @staticmethod
    def action_kind(**config: Any) -> ActionKind | None:
        """Ask the env; None where it cannot be made or has other actions: ``refusals`` then says why."""
        space = _spaces(**config)[1]
        if Gym.discrete(space):
            return "discrete"
        return "box" if isinstance(space, spaces.Box) and len(space.shape) == 1 else None

    @staticmethod
    def observation_kind(**config: Any) -> ObservationKind | None:
        """Ask the env: pictures, or vectors; None where it cannot be made."""
        space = _spaces(**config)[0]
        return None if space is None else "pixels" if is_picture(space, channels_first=False) else "vector"

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: Any) -> Iterator[str]:
        """Say that there is no such env, level or argument, or that it has spaces nobody here can use."""
        try:
            task = Gym(reward=None, **settings)  # type: ignore[arg-type]
            task.arguments_of(use.levels)
            made = [task.make(level) for level in task.settings]
            found = [(env.observation_space, env.action_space) for env in made]
            for env in made:
                env.close()
            shown_space(found[0][0], task.frame_stack)
        except UserError as error:
            yield f"{error}"
            return
        if Gym.action_kind(**settings) is None:
            yield f"env.id={task.id}: actions of {found[0][1]} are neither discrete nor one vector"
        if any(other[1] != found[0][1] or _shape(other[0]) != _shape(found[0][0]) for other in found):
            yield f"env.id={task.id}: its levels differ in what is observed or done; take levels that do not"

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> GymVecEnv:
        """Build ``n_envs`` envs over ``levels``."""
        env = GymVecEnv(self, levels, n_envs)
        env.seed(seed)
        return env


def settings_by_level(arguments: EnvArguments, levels: Levels) -> dict[float, Mapping[str, Any]]:
    """Return the constructor's arguments of level 0 and of each level in ``levels``.

    Raises:
        UserError: If a key of ``levels`` is no number in [0, 1].
    """
    found: dict[float, Mapping[str, Any]] = {0.0: dict(arguments or {})}
    for level, more in (levels or {}).items():
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 <= level <= 1:
            raise UserError(f"env.levels: a level is a number in [0, 1], not {level!r}")
        found[float(level)] = {**found[0.0], **(more or {})}
    return found


def out_of_range(level: float, known: Mapping[float, Any]) -> str:
    """Say that a level is not defined, and which are."""
    named = ", ".join(f"{value:g}" for value in sorted(known))
    return f"level {level:g} is not defined; take {named}, or say by env.levels={{{level:g}: {{...}}}} what its constructor's arguments are"


def _shape(space: spaces.Space) -> tuple[int, ...]:
    return shown_space(space, 1).shape


def _spaces(**config: Any) -> tuple[spaces.Space | None, spaces.Space | None]:
    """Return the spaces of observations and actions at level 0; nothing where the env cannot be made."""
    try:
        env = Gym(reward=None, **config).make(0.0)  # type: ignore[arg-type]
    except UserError:
        return None, None
    env.close()
    return env.observation_space, env.action_space

"""Making registered Gymnasium envs, with messages that name the setting to mend, and the form in which envs show what they show."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import load_env_creator

from rlsuite.core.errors import UserError
from rlsuite.core.spaces import is_picture
from rlsuite.core.suggestions import did_you_mean
from rlsuite.core.user_packages import user_packages


def make(id: str, settings: Mapping[str, Any], max_steps: int | None) -> gymnasium.Env:
    """Return the env of that id.

    Raises:
        UserError: If there is none, it takes no such arguments, or it cannot be made on this machine.
    """
    if problem := _foreign(id) or _unknown(id):
        raise UserError(problem)
    try:
        return gymnasium.make(id, max_episode_steps=max_steps, disable_env_checker=True, **settings)
    except TypeError as error:
        raise UserError(f"env.id={id}: {error}{_which(id, settings)}") from error
    except Exception as error:
        raise UserError(f"env.id={id} cannot be made here: {type(error).__name__}: {error}") from error


def discard(env: gymnasium.Env) -> None:
    """Close an env; those on Box2D would keep the bodies of their last episode alive, but for the method that frees them."""
    getattr(env.unwrapped, "_destroy", lambda: None)()
    env.close()


def _foreign(id: str) -> str | None:
    """Say that the module an id names (``module:Id``) may not be imported; None if it may, or none is named."""
    module, _, rest = id.rpartition(":")
    root = module.partition(".")[0]
    if not module or root in user_packages():
        return None
    return f"env.id={id}: the package {root} is not allowed; add it to the environment variable RLSUITE_PACKAGES, or take env.id={rest}"


def _unknown(id: str) -> str | None:
    """Say that no env has this id, or that the id cannot be read; None if one has."""
    try:
        gymnasium.spec(id)
    except (gymnasium.error.Error, ImportError) as error:
        near = did_you_mean(id, gymnasium.registry)
        return f"env.id={id}: Gymnasium knows no such env{near or f' ({error})'}"
    return None


def _which(id: str, settings: Mapping[str, Any]) -> str:
    """Return what to append to a complaint about constructor arguments: the nearest right one of the first wrong one."""
    entry = gymnasium.spec(id).entry_point
    creator = load_env_creator(entry) if isinstance(entry, str) else entry
    known = [name for name in inspect.signature(creator).parameters if name not in ("self", "kwargs")]
    wrong = [name for name in settings if name not in known]
    return did_you_mean(wrong[0], known) if wrong else ""


def shown_space(space: spaces.Space, frame_stack: int) -> spaces.Box:
    """Return the space of what envs show of ``space``.

    Raises:
        UserError: If it cannot be shown as an array of one size.
    """
    if isinstance(space, spaces.Box) and is_picture(space, channels_first=False):
        height, width, channels = space.shape
        return spaces.Box(0, 255, (channels * frame_stack, height, width), np.uint8)
    flat = spaces.flatten_space(space) if space.is_np_flattenable else None
    if not isinstance(flat, spaces.Box):
        raise UserError(f"observations of {space} are no arrays of one size")
    kind = flat.dtype if np.issubdtype(flat.dtype, np.integer) else np.float32
    return spaces.Box(np.tile(flat.low, frame_stack), np.tile(flat.high, frame_stack), dtype=kind)

"""The base of every interface: a class that misspells a hook fails when it is defined."""

from __future__ import annotations

import inspect
from abc import ABC
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import ClassVar

CLOSE = 0.85
"""From this likeness on (``difflib``) a public name that is no hook is taken for a misspelt one."""
FORMER = {
    "refusals": "problems",
    "lacks": "problems",
    "missing": "problems",
    "judged_as": "evaluation_task",
    "headline": "progress_metric",
    "lanes": "n_envs_setting",
}
"""What hooks were called before, and are called now."""


@dataclass(frozen=True)
class Use:
    """What an env would be used for; parts that are no envs need not look at it.

    Attributes:
        levels: those that are trained, evaluated or measured on.
        reward: the node of the reward it would pay, ``_target_`` and settings.
    """

    levels: tuple[float, ...] = ()
    reward: Mapping[str, object] = field(default_factory=dict)


NO_USE = Use()


class Interface(ABC):
    """What the suite calls on a part that a user may bring: every hook is declared, the optional ones with a default.

    A subclass overrides hooks; what else it defines is its own. A public name close to a hook, a hook's former name, and a
    hook of another kind (an ordinary method where a static one is declared) are refused when the class is defined.
    """

    interface: ClassVar[type[Interface]]
    """The interface that a class implements: the ancestor that derives from ``Interface`` itself."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if Interface in cls.__bases__:
            cls.interface = cls
        else:
            for fault in hook_faults(cls, cls.interface):
                raise TypeError(f"{cls.__module__}.{cls.__qualname__}{fault}")

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: object) -> Iterator[str]:
        """Yield why a part with these settings (those of its yaml) cannot be used here, each a sentence a user can act on.

        The one way to say what cannot be done; asked before anything is built. A package or a file that is not there, settings
        that do not fit together; of an env also the levels of ``use`` that it cannot be played at, and a reward it cannot pay.
        """
        yield from ()


def hook_faults(cls: type, interface: type) -> Iterator[str]:
    """Yield what is wrong with the names that a class body defines, as ``.name: why``."""
    hooks = [name for name in dir(interface) if not name.startswith("_")]
    hooks += [name for name in vars(interface).get("__annotations__", {}) if name not in hooks]
    inherited = {name for base in cls.__mro__[1:] for name in vars(base)}
    for name in [*vars(cls), *vars(cls).get("__annotations__", {})]:
        if name.startswith("_"):
            continue
        if name in hooks:
            yield from _kind_faults(name, vars(cls).get(name), interface)
        elif name in FORMER and FORMER[name] in hooks:
            yield f".{name}: this hook of {interface.__name__} is now {FORMER[name]}"
        elif name not in inherited and (near := get_close_matches(name, hooks, 1, CLOSE)):
            yield f".{name}: {interface.__name__} has no such hook; did you mean {near[0]}?"


def _kind_faults(name: str, value: object, interface: type) -> Iterator[str]:
    declared = inspect.getattr_static(interface, name, None)
    static = isinstance(declared, staticmethod)
    if static and inspect.isfunction(value):
        yield f".{name}: {interface.__name__} declares it as a staticmethod"

"""Small classes for the tests of check and build: what a user's own package could hold."""

import os  # noqa: F401 - a way out of the package that must stay closed
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from rlsuite.core.interfaces import Agent, Reward, Task, Technique

BUILT: list[str] = []


class Part:
    def __init__(self, *, size: Annotated[int, Gt(0)] = 1) -> None:
        BUILT.append("part")
        self.size = size


class Everything(Task):
    """A parameter of each kind that check knows."""

    def __init__(
        self,
        *,
        reward: Reward,
        count: int,
        rate: Annotated[float, Gt(0), Le(1)] = 0.5,
        maybe: Annotated[float, Ge(0)] | None = None,
        on: bool = False,
        name: str = "x",
        where: Path | None = None,
        mode: Literal["fast", "slow", 3] = "fast",
        layers: Sequence[int] = (),
        pair: tuple[int, float] = (1, 1.0),
        table: dict[str, Annotated[int, Gt(0)]] | None = None,
        part: Part | None = None,
        parts: list[Part] | None = None,
        call: Callable[[], Any] | None = None,
        anything: Any = None,
        unknown_type: "OnlyForTypeCheckers" = None,  # noqa: F821
    ) -> None:
        self.given = dict(locals())


class Open:
    def __init__(self, *, size: int = 1, **others: Any) -> None:
        self.size, self.others = size, others


class OpenTask(Open, Task):
    """An env that takes any setting."""


@dataclass(frozen=True)
class Record:
    """An injected dataclass: Hydra would turn it into a dict."""

    value: int = 3


class Failing:
    def __init__(self) -> None:
        raise ValueError("the constructor's own words")


def function(*, size: int) -> int:
    return size


class DiscreteAgent(Agent):
    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete"})
    techniques: ClassVar[frozenset[str] | None] = frozenset({"reg"})

    def __init__(self, *, task: Any, technique: Any, seed: int, device: str, rate: float = 0.1) -> None: ...


class BoxEnv(Task):
    def __init__(self, *, reward: Reward, action: Literal["box", "categorical"] = "box") -> None: ...

    @staticmethod
    def action_kind(*, action: str = "box") -> str:
        return "box" if action == "box" else "discrete"


class Loner(Technique):
    """A technique that computes a gradient of its own, so no other can join it."""

    def __init__(self, *, levels: Sequence[float] = (0.0,)) -> None:
        self.levels = tuple(levels)

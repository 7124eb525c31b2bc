"""StarPilot, Procgen's side-scrolling shooter: 1 for a hit, 10 for the end of the course."""

from __future__ import annotations

from typing import ClassVar

from rlsuite.envs.procgen.vec_env import Procgen


class StarPilot(Procgen):
    """The task: shoot what comes, survive to the end."""

    game: ClassVar[str] = "starpilot"

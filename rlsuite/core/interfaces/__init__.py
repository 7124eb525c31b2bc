"""The six interfaces everything meets through. They import nothing heavy: a config is checked without torch."""

from rlsuite.core.interfaces.agent import Agent
from rlsuite.core.interfaces.base import NO_USE, Interface, Use
from rlsuite.core.interfaces.generator import Generator, GeneratorState
from rlsuite.core.interfaces.pretraining import ModelPretraining, Quality
from rlsuite.core.interfaces.reward import Reward, Transition
from rlsuite.core.interfaces.task import ActionKind, ObservationKind, Task
from rlsuite.core.interfaces.technique import Index, Loss, Losses, Metrics, Technique
from rlsuite.core.tree import Tree

__all__ = [
    "NO_USE",
    "ActionKind",
    "Agent",
    "Generator",
    "GeneratorState",
    "Index",
    "Interface",
    "Loss",
    "Losses",
    "Metrics",
    "ModelPretraining",
    "ObservationKind",
    "Quality",
    "Reward",
    "Task",
    "Technique",
    "Transition",
    "Tree",
    "Use",
]

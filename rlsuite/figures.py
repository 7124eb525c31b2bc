"""Pictures in a run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rlsuite.contracts import Task


def task_pictures(task: Task, agent: Any) -> dict[str, np.ndarray]:
    """Return what the task can draw of an agent, (H, W, 3) uint8 arrays by name; nothing if it draws none."""
    return task.pictures(agent) if hasattr(task, "pictures") else {}


def save_pictures(pictures: Mapping[str, np.ndarray], folder: Path) -> list[Path]:
    """Write each picture as ``folder/<name>.png``; return the files."""
    from matplotlib.image import imsave

    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        imsave(folder / f"{name}.png", picture)
    return [folder / f"{name}.png" for name in pictures]

"""The commands that run jobs, each as one object: its config, its body, and when a job of it is done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from rlsuite.config.schema import Evaluating, Pretraining, Settings, Training
from rlsuite.runs import run_status
from rlsuite.runs.run_status import RunStatus, read_json
from rlsuite.runs.saved_config import CONFIG_FILE, thaw

Whole = TypeVar("Whole", bound=Settings)


class EntryPoint(ABC, Generic[Whole]):
    """A command, ``python -m rlsuite.<name>``. It has no state: two of one class are equal, and it can be pickled."""

    name: ClassVar[str]
    stops_at_boundaries: ClassVar[bool] = True
    """Whether a signal lets a job go on to its next rollout boundary, to save a checkpoint."""

    @property
    @abstractmethod
    def schema(self) -> type[Whole]:
        """What the config is checked against and read into."""

    @abstractmethod
    def load(self) -> None:
        """Import what ``run`` needs, so that forked jobs need not."""

    @abstractmethod
    def run(self, settings: Whole, folder: Path) -> str:
        """Bring a job to its end; return its status: completed or diverged."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def resume(self, folder: Path) -> str:
        """Bring the job that is frozen in a folder to its end; return its status."""
        return self.run(thaw(folder, self.schema), folder)

    def completed(self, folder: Path) -> bool:
        """Tell whether the job of a folder is done for good."""
        return run_status.completed(folder)

    def status(self, folder: Path) -> RunStatus:
        """Read where the job of a folder stands."""
        return run_status.run_status(folder, self.completed)

    def sweep_overrides(self, overrides: Sequence[str]) -> list[str]:
        """Return the overrides of a sweep with what they abbreviate written out."""
        return list(overrides)

    def problems(self, settings: Whole) -> Iterator[str]:
        """Yield why a job of a sweep that passed the check cannot run."""
        yield from ()

    def workload(self, settings: Whole) -> tuple[str, int] | None:
        """Return ``<env>-<algo>``, whose speed earlier runs have measured, and the env steps; None where none are taken."""
        return None


class Train(EntryPoint[Training]):
    """Train one composition."""

    name = "train"
    schema = Training

    def load(self) -> None:
        """Import torch, and what trains."""
        import rlsuite.experiment.run  # noqa: F401

    def run(self, settings: Training, folder: Path) -> str:
        """Train, evaluate on every level, write ``result.json``."""
        from rlsuite.experiment.run import run

        return run(settings, folder).status

    def workload(self, settings: Training) -> tuple[str, int]:
        """Return the pair and its steps."""
        return f"{settings.choices.env}-{settings.choices.algo}", settings.total_steps


class Evaluate(EntryPoint[Evaluating]):
    """Compare a trained policy with its reference policies; the job's result lies beside its folder."""

    name = "evaluate"
    schema = Evaluating
    stops_at_boundaries = False

    def load(self) -> None:
        """Import torch, and what compares."""
        import rlsuite.experiment.compare  # noqa: F401

    def run(self, settings: Evaluating, folder: Path) -> str:
        """Play the policies; results go to the run's own folder."""
        from rlsuite.experiment.compare import evaluate_run

        evaluate_run(settings)
        return "completed"

    def completed(self, folder: Path) -> bool:
        """Tell whether the evaluation's file is there."""
        return read_json(folder.with_name(f"{folder.name}.json")) is not None

    def sweep_overrides(self, overrides: Sequence[str]) -> list[str]:
        """Let ``run=`` name folders of sweeps and patterns: all finished runs there, as one axis."""
        return [_all_runs(text) if text.startswith("run=") else text for text in overrides]

    def problems(self, settings: Evaluating) -> Iterator[str]:
        """Yield that there is no run."""
        if not (Path(settings.run) / CONFIG_FILE).exists():
            yield f"run={settings.run}: no run and no finished runs there"


class Pretrain(EntryPoint[Pretraining]):
    """Train one model that runs build on."""

    name = "pretrain"
    schema = Pretraining

    def load(self) -> None:
        """Import torch, and what trains."""
        import rlsuite.experiment.pretraining  # noqa: F401

    def run(self, settings: Pretraining, folder: Path) -> str:
        """Train the model, write its files and ``result.json``."""
        from rlsuite.experiment.pretraining import pretrain

        pretrain(settings, folder)
        return "completed"


def _all_runs(text: str) -> str:
    paths = [Path(name) for item in text[4:].split(",") for name in sorted(glob(item)) or [item]]
    runs = [[path] if (path / CONFIG_FILE).exists() else _finished(path) for path in paths]
    return "run=" + ",".join(str(path) for part in runs for path in part)


def _finished(folder: Path) -> list[Path]:
    """Return the finished runs in a folder; the folder itself if there are none, to be complained about."""
    results = sorted(folder.glob("*/result.json"))
    return [path.parent for path in results if run_status.completed(path.parent)] or [folder]

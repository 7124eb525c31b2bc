"""Weights & Biases as one callback: what a run logs, its config, its pictures and its result, mirrored and never needed.

``wandb`` is imported only where a run asks for it, and whatever goes wrong in it is one warning: the run continues without.
"""

from __future__ import annotations

import logging
import numbers
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Image, KVWriter

from rlsuite.config.run_id import config_hash
from rlsuite.config.schema import Training, WandB
from rlsuite.runs.result import Result, mean_return

log = logging.getLogger(__name__)

WANDB_TIMEOUT_S = 60.0
"""Seconds W&B may take to log in, to start and to upload the rest; what is left can be sent by ``wandb sync``."""


class WandBCallback(BaseCallback, KVWriter):
    """Writes every row of the agent's log to one W&B run, and at the end the result and the pictures.

    A resumed run continues in the W&B run of the same id. W&B drops the rows it has already: exact resume repeats them
    with the same numbers.
    """

    def __init__(self, settings: WandB, run_id: str, result: Result, folder: Path) -> None:
        super().__init__()
        self.settings, self.run_id, self.result, self.folder = settings, run_id, result, folder
        self.sink: Any = None
        self.pictured: set[str] = set()
        self.attempt("start", self._begin)

    def attempt(self, what: str, action: Callable[[], None]) -> None:
        """Do something with W&B; the first thing that goes wrong is told and the last that is tried."""
        try:
            action()
        except Exception as error:
            log.warning(
                "wandb could not %s: %s: %s; the run continues without it", what, type(error).__name__, error
            )
            self.sink = None

    def _begin(self) -> None:
        import wandb

        chosen, own = self.result.choices, self.settings
        quiet = wandb.Settings(
            console="off",
            disable_git=True,
            silent=True,
            init_timeout=WANDB_TIMEOUT_S,
            login_timeout=WANDB_TIMEOUT_S,
            finish_timeout=WANDB_TIMEOUT_S,
        )
        self.sink = wandb.init(
            project=own.project,
            entity=own.entity,
            mode=own.mode,
            tags=list(own.tags),
            id=self.run_id,
            name=self.result.run_id,
            group="-".join(chosen[key] for key in ("env", "algo", "technique")),  # the seeds of one setting
            config=self.result.config,
            dir=str(self.folder),
            resume="allow" if own.mode == "online" else None,  # offline pieces: joined by their id on sync
            reinit="create_new",
            settings=quiet,
        )

    def _on_training_start(self) -> None:
        if self.sink is not None:
            self.logger.output_formats.append(self)

    def write(
        self, key_values: dict[str, object], key_excluded: dict[str, tuple[str, ...]], step: int = 0
    ) -> None:
        """Send the scalars and pictures logged at ``step``."""
        row = {k: float(v) for k, v in key_values.items() if isinstance(v, numbers.Real)}
        pictures = {key: value.image for key, value in key_values.items() if isinstance(value, Image)}
        self.pictured |= pictures.keys()
        self._send(row, pictures, step)

    def _send(self, row: Mapping[str, float], pictures: Mapping[str, object], step: int) -> None:
        def send() -> None:
            import wandb

            shown = {key: wandb.Image(picture) for key, picture in pictures.items()}
            self.sink.log({**row, **shown}, step=step)

        if self.sink is not None:
            self.attempt("log", send)

    def close(self) -> None:
        """The log ends before the result is known; ``finish`` is the end."""

    def _on_step(self) -> bool:
        return True

    def finish(self) -> None:
        """Send the result, as a summary and as its file, and the pictures the log did not hold; wait for the upload."""
        if self.sink is None:
            return
        files = {f"pictures/{file.stem}": str(file) for file in sorted(self.folder.glob("pictures/*.png"))}
        new = {key: file for key, file in files.items() if key not in self.pictured}
        self._send({}, new, self.result.steps)
        self.attempt("end", self._end)

    def _end(self) -> None:
        if self.sink is None:
            return
        self.sink.summary.update(result_summary(self.result))
        if (self.folder / "result.json").exists():
            copy = shutil.copy(self.folder / "result.json", self.sink.dir)
            self.sink.save(copy, base_path=self.sink.dir, policy="now")
        self.sink.finish(exit_code=0 if self.result.status == "completed" else 1)


def result_summary(result: Result) -> dict[str, object]:
    """Return the final numbers: state, scores, and the mean return of each level as ``return/<mode>/<level>``."""
    found: dict[str, object] = {
        "result/status": result.status,
        "result/steps": result.steps,
        "result/restarts": result.restarts,
    }
    for mode, score in result.grs.items():
        found |= {f"result/{mode}_{key}": value for key, value in score.items() if value is not None}
        for entry in result.levels:
            found[f"return/{mode}/{entry['level']:g}"] = mean_return(entry, mode)
    return found


@contextmanager
def tracked(settings: Training, result: Result, folder: Path) -> Iterator[list[BaseCallback]]:
    """Give the callbacks that mirror a run, none unless ``wandb.mode`` asks for it; end the mirror after the body."""
    if settings.wandb.mode == "disabled":
        yield []
        return
    decided = config_hash(result.config)  # a folder's name alone may mean two experiments
    name = folder.name if folder.name.endswith(decided) else f"{folder.name}-{decided}"
    callback = WandBCallback(settings.wandb, re.sub(r"[/\\#?%:]", "-", name), result, folder)
    try:
        yield [callback]
    finally:
        callback.finish()

"""Atomic writing: a reader, or a run that starts again, never sees half a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rlsuite.core.errors import UserError

RUN_FOLDER = "hydra.run.dir"


def write_text(path: Path, text: str, setting: str = RUN_FOLDER) -> None:
    """Write ``text`` beside ``path``, flush it to the disk, then rename it into place; ``setting`` names the folder.

    Raises:
        UserError: If the folder cannot be written to, naming the file and the reason.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True) if temporary.exists() else None
        raise cannot_write(path, error, setting) from error


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, atomically. NaN and infinities are refused: other readers cannot parse them."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def cannot_write(path: Path, error: OSError, setting: str = RUN_FOLDER) -> UserError:
    """Return the message for a folder that is read-only, full or not ours; ``setting`` is what takes another."""
    return UserError(
        f"cannot write {path}: {error.strerror or error}. Free some space or give a folder you may write to "
        f"with {setting}=<folder>; nothing already written was touched."
    )

"""Every choice of every group with the sentence its file begins with: what ``--help`` and the reference tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

WIDTH, SHORT = 118, 45  # characters


def first_sentence(file: Path) -> str:
    """Return the first sentence of the comment at a yaml's head, with those after it while that is short; "" if there is none."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("# @package")]
    head: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            break
        head.append(line.lstrip("# ").rstrip())
    text = re.split(r":\s+python |\n\n", "\n".join(head), maxsplit=1)[0]
    told = ""
    for sentence in re.split(r"(?<=[.?!])\s+(?=[A-Z(\d])", text):
        if len(told) < SHORT:
            told = f"{told} {sentence}"
    return " ".join(told.split())


def groups(folders: Sequence[Path]) -> dict[str, dict[str, str]]:
    """Return ``{group: {choice: sentence}}`` of config folders; of two files for a choice the first folder's counts."""
    found: dict[str, dict[str, str]] = {}
    for folder in folders:
        for file in sorted(folder.rglob("*.yaml")):
            group = file.parent.relative_to(folder).as_posix()
            if group != ".":
                found.setdefault(group, {}).setdefault(file.stem, first_sentence(file))
    return {group: dict(sorted(choices.items())) for group, choices in sorted(found.items())}


def fill_page(page: str, folders: Sequence[Path]) -> str:
    """Put the choices of config folders, a line each, where ``page`` says ``$GROUPS`` or ``$GROUPS:name,name``."""
    found = groups(folders)

    def told(match: re.Match[str]) -> str:
        names = match[1].split(",") if match[1] else list(found)
        return "\n".join(line for name in names for line in _lines(name, found[name])).rstrip()

    return re.sub(r"\$GROUPS(?::(\S+))?", told, page)


def _lines(group: str, choices: Mapping[str, str]) -> Iterator[str]:
    yield f"{group}:"
    column = max(map(len, choices))
    for choice, told in choices.items():
        line = f"  {choice.ljust(column)}  {told}"
        yield line if len(line) <= WIDTH else line[: WIDTH - 1].rsplit(" ", 1)[0] + " …"
    yield ""

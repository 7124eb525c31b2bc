"""List every result under benchmarks/results with the command, date and commit that made it, and what is missing or stale.

Stale is a result whose benchmark was changed after it was made: look at the change, and make it again if it matters.
A commit that moved the script, or changed its layout, comments, docstrings or imports alone, is no change.

    python scripts/results.py            # the table; `make results` does the same
    python scripts/results.py --open     # only what is missing or stale
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SCRIPTS = sorted((ROOT / "benchmarks").glob("*/*.py"))
RENAMED = {
    "game2048_lanes": "game2048_vec_env",
    "sprites_lanes": "sprites_vec_env",
    "var_lanes": "var_vec_env",
}
"""Scripts whose results were made under an older name."""


class Line(NamedTuple):
    """A result, or a benchmark that has none."""

    name: str
    state: str
    date: str
    commit: str
    command: str


def git(*words: str) -> str:
    """Return what git says; "" outside a repository."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@cache
def meaning(source: str) -> str:
    """Return what a script does: its syntax tree without imports, docstrings, and where its own file lies."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _form(each)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _form(node: ast.AST) -> bool:
    """Tell whether a statement is an import, a docstring, or names a path from ``__file__``."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    named = isinstance(node, ast.Assign) and "__file__" in ast.unparse(node)
    return named or isinstance(node, ast.Import | ast.ImportFrom)


def changes(script: Path, since: str) -> int:
    """Count the commits after ``since`` that changed what ``script`` does, under whatever path it had."""
    path, count = str(script.relative_to(ROOT)), 0
    log = git("log", "--follow", "--name-status", "--format=commit %h", f"{since}..HEAD", "--", path)
    for commit in log.split("commit ")[1:]:
        name, _, *files = commit.split("\n")
        *_, before, after = [files[0].split("\t")[1], *files[0].split("\t")[1:]]
        count += meaning(git("show", f"{name}~:{before}")) != meaning(git("show", f"{name}:{after}"))
    return count


def module(command: str) -> str:
    """Return the module that a result's ``command`` runs today: ``benchmarks.speed.startup``."""
    words = command.split()
    name = words[2].rsplit(".", 1)[-1] if words[1] == "-m" else Path(words[1]).stem
    name = RENAMED.get(name, name)
    found = [path for path in SCRIPTS if path.stem == name]
    return ".".join(found[0].relative_to(ROOT).with_suffix("").parts) if found else ""


def today(command: str) -> str:
    """Return ``command`` as it is typed today; a result keeps what made it, whatever its script is called by now."""
    words = command.split()
    return " ".join(["python -m", module(command), *words[3 if words[1] == "-m" else 2 :]])


def state(file: Path) -> Line:
    """Return what is known of the result ``file``."""
    record = json.loads(file.read_text())
    made = git("log", "-1", "--format=%h %cs", "--", str(file)).split() or ["", ""]
    commit, date = record.get("commit", made[0]), record.get("date", made[1])
    name = module(record["command"])
    if not name:
        return Line(file.stem, "its command is gone", date, commit, record["command"])
    later = changes(ROOT.joinpath(*name.split(".")).with_suffix(".py"), made[0]) if made[0] else 0
    found = f"stale: {later} change{'s' * (later != 1)} since" if later else "ok"
    return Line(file.stem, found, date, commit, today(record["command"]))


def lines() -> Iterator[Line]:
    """Yield a line a result, then one a benchmark without any."""
    files = sorted(RESULTS.glob("*.json"))
    used = {module(json.loads(file.read_text())["command"]) for file in files}
    yield from map(state, files)
    for script in SCRIPTS:
        name = ".".join(script.relative_to(ROOT).with_suffix("").parts)
        if "__main__" in script.read_text() and script.parent.name != "pages" and name not in used:
            yield Line(script.stem, "missing", "", "", f"python -m {name}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--open", action="store_true", help="only what is missing or stale")
    wanted = parser.parse_args().open
    shown = [line for line in lines() if not wanted or line.state != "ok"]
    widths = [max([len(line[i]) for line in shown], default=0) for i in range(4)]
    for line in shown:
        print(
            "  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line.command])
        )


if __name__ == "__main__":
    main()

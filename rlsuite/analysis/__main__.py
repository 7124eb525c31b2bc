"""``python -m rlsuite.analysis root=outputs out=outputs/analysis``: from trees of runs to tables and a report."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlsuite.analysis.cache import Store
from rlsuite.analysis.counted_runs import prepare
from rlsuite.analysis.records import MODES
from rlsuite.analysis.study import Study, gather
from rlsuite.core.errors import UserError
from rlsuite.core.terminal import quiet

ANALYSIS_USAGE = """python -m rlsuite.analysis [root=DIR[,DIR...]] [out=DIR] [mode=greedy|sampled]

  root   folders that hold runs, at any depth            (default: outputs,multirun)
  out    where tables, figures and report.html go        (default: outputs/analysis)
  mode   the policy that is evaluated                    (default: greedy)
"""
CACHE = "cache.json"
NEEDED = {"root": "a folder", "out": "a folder", "mode": " or ".join(MODES)}


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    roots: tuple[Path, ...] = (Path("outputs"), Path("multirun"))
    out: Path = Path("outputs/analysis")
    mode: str = "greedy"

    @classmethod
    def parse(cls, words: Sequence[str]) -> Options:
        """Read ``key=value`` words.

        Raises:
            UserError: Naming every word that is wrong, and what would be right.
        """
        given, problems = {}, []
        for word in words:
            key, equals, value = word.partition("=")
            if key not in NEEDED or not equals:
                problems.append(f"{word}: not one of root=, out=, mode=")
            elif not value.strip(","):
                problems.append(f"{word}: needs {NEEDED[key]}")
            else:
                given[key] = value
        roots = tuple(Path(part) for part in given.get("root", "").split(",") if part) or cls.roots
        problems += [
            f"root={path}: no such folder" for path in roots if "root" in given and not path.is_dir()
        ]
        if given.get("mode", "greedy") not in MODES:
            problems.append(f"mode={given['mode']}: must be greedy or sampled")
        if problems:
            raise UserError(
                "\n  ".join([f"{len(problems)} problems, nothing was read:", *problems])
                + f"\n\n{ANALYSIS_USAGE}"
            )
        return cls(roots, Path(given.get("out", cls.out)), given.get("mode", "greedy"))

    @property
    def command(self) -> str:
        """The command that does the same."""
        words = ["root=" + ",".join(map(str, self.roots)), f"out={self.out}"]
        words += [f"mode={self.mode}"] if self.mode != "greedy" else []
        return "python -m rlsuite.analysis " + " ".join(map(shlex.quote, words))


def analyse(options: Options) -> Study | None:
    """Read, compute, write; None if nothing changed since the last time.

    Raises:
        UserError: If the folder of the results cannot be written to.
    """
    store = Store(options.out / CACHE, options.command)
    store.update([root for root in options.roots if root.is_dir()], apart=options.out)
    if not store.changed and (options.out / "report.html").exists():
        return None
    from rlsuite.analysis.output_files import (
        write_all,  # what draws and writes is not needed to see that nothing changed
    )

    runs = prepare(store.records, store.parts)
    study = gather(runs, store.problems, options.command, options.mode, np.random.default_rng(0))
    write_all(study, options.out)
    store.save()
    return study


@quiet()
def main(words: Sequence[str] | None = None) -> None:
    """Start what the command line says."""
    words = sys.argv[1:] if words is None else words
    if {"-h", "--help"} & set(words):
        print(ANALYSIS_USAGE, end="")
        return
    try:
        options = Options.parse(words)
        study = analyse(options)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2 if "nothing was read" in str(error) else 1)
    if study is None:
        print(f"nothing changed: {options.out / 'report.html'} is up to date")
        return
    from rlsuite.analysis.summary import answer, headline

    print(f"{headline(study)}\n{answer(study)}\nwritten: {options.out / 'report.html'}")


if __name__ == "__main__":
    main()

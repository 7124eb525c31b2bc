"""``python -m rlsuite.status multirun/x``: where every run stands, read from its files; no server, no torch."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rlsuite.core.terminal import quiet
from rlsuite.launch.backends import slurm
from rlsuite.runs.run_status import JOB_FILE, RunStatus, last_error, read_json, run_status

HEAD = f"{'state':<12}{'step':>12}{'done':>6}{'steps/s':>10}{'ETA':>9}{'heartbeat':>11}{'restarts':>10}  {'node':<12}run"


@quiet()
def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, once or until all is done (``--watch``); or why one run ended (``--why``).

    Ends the process with 0 if every run is completed, else 1; with 2 for a wrong command.
    """
    parser = argparse.ArgumentParser(prog="rlsuite-status", description=__doc__)
    parser.add_argument(
        "folders",
        nargs="*",
        type=existing,
        default=[Path("outputs"), Path("multirun")],
        help="run folders, or folders that hold any (default: outputs multirun)",
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        type=float,
        const=5.0,
        metavar="S",
        help="again every S seconds until nothing runs",
    )
    parser.add_argument(
        "--why", type=existing_run, metavar="RUN", help="why this run ended: traceback, or what killed it"
    )
    args = parser.parse_args(arguments)
    if args.why:
        print(why(args.why))
        return
    while True:
        runs = [run_status(folder) for folder in run_folders(args.folders)]
        print(
            ("\033[H\033[2J" if args.watch and sys.stdout.isatty() else "") + status_lines(runs), flush=True
        )
        if not args.watch or not any(run.state in ("running", "queued", "stale") for run in runs):
            sys.exit(any(run.state != "completed" for run in runs))
        time.sleep(args.watch)


def existing(text: str) -> Path:
    """Return a folder that the command line names: a mistyped one is not a folder without runs."""
    folder = Path(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{folder}: no such folder")
    return folder


def existing_run(text: str) -> Path:
    """Return a run folder that the command line names; a job may have died in it before it wrote its config."""
    folder = existing(text)
    if not any((folder / name).exists() for name in ("config.yaml", "error.txt", JOB_FILE)):
        raise argparse.ArgumentTypeError(f"{folder}: no run; rlsuite-status {folder} lists those below it")
    return folder


def run_folders(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the run folders among ``folders`` and below, two levels deep, in order."""
    for folder in folders:
        for pattern in (".", "*", "*/*"):
            yield from sorted(
                path.parent
                for path in folder.glob(f"{pattern}/config.yaml" if pattern != "." else "config.yaml")
            )


def status_lines(runs: Sequence[RunStatus]) -> str:
    """Return one line a run, and the counts of the states."""
    counts = Counter(run.state for run in runs)
    total = f"{len(runs)} runs: " + ", ".join(f"{count} {state}" for state, count in counts.most_common())
    return "\n".join([HEAD, *(_row(run) for run in runs), total if runs else "no runs here"])


def _row(run: RunStatus) -> str:
    share = f"{run.step / run.total_steps:.0%}" if run.total_steps else "-"
    alive = run.state in ("running", "stale")
    eta = duration(run.eta_s) if alive and run.eta_s is not None else "-"
    beat = duration(run.silent_s) + " ago" if run.updated else "-"
    error = f"  {last_error(run.folder)}" if run.state not in ("completed", "running") else ""
    return (
        f"{run.state:<12}{run.step:>12,}{share:>6}{run.steps_per_s:>10,.0f}{eta:>9}{beat:>11}{run.restarts:>10}  "
        f"{run.node or '-':<12}{run.folder}{error}"
    )


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units' worth of precision."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f}{unit}"
    return f"{seconds:.0f}s"


def why(folder: Path) -> str:
    """Return why a run is not done: its traceback, what killed it, SLURM's verdict, and where the log is."""
    run = run_status(folder)
    lines = [f"{folder}: {run.state}, step {run.step:,} of {run.total_steps:,}, {run.restarts} restarts"]
    if run.state == "completed":
        return lines[0]
    error = folder / "error.txt"
    if error.exists():
        lines.append(error.read_text(errors="replace").rstrip())
    elif run.state == "killed":
        lines.append(
            "its process died without a word: killed from outside (SIGKILL, out of memory, node failure)"
        )
    job = read_json(folder / JOB_FILE) or {}
    if job.get("cluster") == slurm.CLUSTER:
        lines.append(f"SLURM job {job['id']}: {slurm.endings([job['id']], patience_s=0)[job['id']]}")
    logs = [Path(job["log"])] if job.get("log") else []
    lines += [f"log: {log}" for log in [*sorted(folder.glob("*.log")), *logs]]
    if run.resumable:
        lines.append("it has a checkpoint: the same command continues from there")
    return "\n".join(lines)

"""env=game2048: what random play, DQN, A2C, PPO and TD with n-tuple networks reach; over seeds and variation levels.

Trains `python -m rlsuite.train env=game2048 algo=... seed=...` for each method and seed (finished runs are reused, interrupted
ones go on), then plays greedy games on every level. Numbers go to results/game2048.json; the learning curves, and a game as a
picture strip and as text, to docs/results. Methods left out keep their numbers in the JSON.

    python -m benchmarks.studies.game2048 --seeds 3 --games 100
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.image import imsave

from benchmarks.record import RESULTS, ROOT, write
from rlsuite.envs.game2048 import board
from rlsuite.envs.game2048.games import TILES, filmstrip, play_game, statistics
from rlsuite.experiment.compare import load_run
from rlsuite.experiment.rollouts import evaluation_seed, play_episodes
from rlsuite.metrics import grs

METHODS = ("random", "dqn", "a2c", "ppo", "td_ntuple")
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


def train(method: str, seed: int, folder: Path) -> dict:
    """Run the training command; return steps, wall and CPU seconds over all restarts."""
    command = [sys.executable, "-m", "rlsuite.train", "env=game2048", f"algo={method}", f"seed={seed}"]
    process = subprocess.Popen([*command, f"hydra.run.dir={folder}"], cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{method}, seed {seed}: the training command failed")
    result, note = json.loads((folder / "result.json").read_text()), folder / "cpu_s"
    spent = float(note.read_text()) if note.exists() else 0.0
    if usage.ru_utime > 20 or not note.exists():  # else the run was finished before
        spent += usage.ru_utime + usage.ru_stime
        note.write_text(str(spent))
    return {"steps": result["steps"], "wall_s": result["wall_time_s"], "cpu_s": round(spent, 1)}


def evaluate(folder: Path, games: int) -> dict[float, dict[str, list]]:
    """Play greedy games on every level; the raw values of each."""
    cfg, task, agent = load_run(folder)
    stream, played = evaluation_seed(cfg.seed) + 1, {}
    for level in LEVELS:
        env = task.vec_env([level], games, stream)
        played[level] = play_episodes(agent, env, games, deterministic=True, seed=stream)
    return played


def summary(played: list[dict[str, list]]) -> dict:
    """Return the statistics of the games of all seeds, and each seed's mean score."""
    keys = ("score", "highest", "illegal_moves", "lengths")
    together = {key: [value for games in played for value in games[key]] for key in keys}
    return statistics(together) | {
        "mean_score_by_seed": [round(float(np.mean(games["score"]))) for games in played]
    }


def curve(folder: Path, points: int = 60) -> list[list[float]]:
    """Return [step, mean score of the training games] over the run, averaged over equal stretches."""
    path = folder / "history.csv"
    rows = list(csv.DictReader(path.open())) if path.exists() else []
    pairs = [(float(r["step"]), float(r["episode/score"])) for r in rows if r.get("episode/score")]
    parts = np.array_split(np.array(pairs), min(points, len(pairs))) if pairs else []
    return [[float(x) for x in part.mean(axis=0).round(1)] for part in parts]


def draw_curves(methods: dict, path: Path) -> None:
    """Draw mean training score against CPU minutes, a line a seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 3.6))
    for i, (name, found) in enumerate((n, f) for n, f in methods.items() if any(f["curves"])):
        for k, (points, run) in enumerate(zip(found["curves"], found["training"], strict=True)):
            steps, scores = np.array(points).T
            axis.plot(
                steps / run["steps"] * run["cpu_s"] / 60, scores, f"C{i}", label=name if k == 0 else None
            )
    axis.set(xscale="log", yscale="log", xlabel="CPU minutes on one core", ylabel="mean score while training")
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def table(methods: dict) -> list[str]:
    """Return the comparison at level 0, and the scores and GRS over the levels, as Markdown."""
    heads = [
        "algo",
        "seeds x games",
        "CPU min a seed",
        "moves",
        "mean",
        "by seed",
        "median",
        *map(str, TILES[:4]),
        "illegal",
        "GRS retention",
        *(f"level {level:g}" for level in LEVELS[1:]),
    ]
    rows = []
    for name, found in methods.items():
        base, runs = found["levels"]["0"], found["training"]
        rows.append(
            [
                name,
                f"{found['seeds']} x {base['games'] // found['seeds']}",
                f"{np.mean([run['cpu_s'] for run in runs]) / 60:.1f}" if name != "random" else "-",
                f"{runs[0]['steps'] / 1e6:.3g} M" if name != "random" else "-",
                f"**{base['mean_score']:,}**",
                " ".join(f"{score:,}" for score in base["mean_score_by_seed"]),
                f"{base['median_score']:,}",
                *(f"{base['share_with'][str(tile)]:.0%}" for tile in TILES[:4]),
                f"{base['illegal_rate']:.1%}",
                f"{found['grs']['retention']:.2f}",
                *(f"{found['levels'][f'{level:g}']['mean_score']:,}" for level in LEVELS[1:]),
            ]
        )
    return ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]


def fill(page: Path, name: str, lines: list[str]) -> None:
    """Replace what stands on the page between ``<!-- name -->`` and the next ``<!-- end -->``."""
    before, _, rest = page.read_text().partition(f"<!-- {name} -->\n")
    _, _, after = rest.partition("<!-- end -->")
    page.write_text("\n".join([f"{before}<!-- {name} -->", *lines, f"<!-- end -->{after}"]))


def measure(method: str, seeds: int, games: int, out: Path) -> dict:
    """Train and evaluate one method."""
    folders = [out / f"{method}_s{seed}" for seed in range(seeds)]
    training = [train(method, seed, folder) for seed, folder in enumerate(folders)]
    played = [evaluate(folder, games) for folder in folders]
    levels = {f"{level:g}": summary([p[level] for p in played]) for level in LEVELS}
    means = [levels[f"{level:g}"]["mean_score"] for level in LEVELS]
    return {
        "seeds": seeds,
        "training": training,
        "levels": levels,
        "grs": grs(LEVELS, means),
        "curves": [curve(folder) for folder in folders],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--games", type=int, default=100)
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "game2048")
    args = parser.parse_args()
    path, pictures = RESULTS / "game2048.json", ROOT / "docs" / "results"
    methods = json.loads(path.read_text())["methods"] if path.exists() else {}
    pictures.mkdir(parents=True, exist_ok=True)
    for method in args.methods:
        methods[method] = measure(method, args.seeds, args.games, args.out)
        if method in ("ppo", "td_ntuple"):
            boards = play_game(*load_run(args.out / f"{method}_s0")[1:])
            imsave(pictures / f"game2048_{method}.png", filmstrip(boards))
            methods[method]["last_board"] = board.text(boards[-1]).splitlines()
        methods = {name: methods[name] for name in METHODS if name in methods}
        write("game2048", {"games_a_seed": args.games, "methods": methods})
    draw_curves(methods, pictures / "game2048_curves.png")
    page = pictures / "game2048.md"
    fill(page, "table", table(methods))
    for method in ("td_ntuple", "ppo"):
        if method in methods:
            fill(page, f"board {method}", ["```", *methods[method]["last_board"], "```"])


if __name__ == "__main__":
    main()

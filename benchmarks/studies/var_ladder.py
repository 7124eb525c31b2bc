"""What a learned pruning policy must beat, step by step, on the same held-out images; resumable by row and seed.

Two decisions an image (6x6, 8x8), six categories each, `reward=multi`: quality lost against FLOPs saved. Rows: fixed FastVAR;
the best constant; random; front- and back-loaded; the best of all static schedules, searched with as many episodes as the
learner has; a logistic rule (SkipVAR); PPO that sees the scale's index alone; PPO. All that is chosen or learned is chosen on
training images. Static schedules of the front are played as well: chance may mix them, an image with this one, an image with
that, so at equal FLOPs PPO is compared with the best such mixture, by the PSNR of the mean error (a mean of PSNRs would reward
unpruned images without bound). One weight of the savings asks for one trade; with --sweep, policies of other weights
(`python -m rlsuite.train -m experiment=var_pareto`) play the same images, and are compared with fixed FastVAR where they save as much.

    python -m benchmarks.studies.var_ladder --seeds 5 --episodes 256 [--sweep multirun/<the sweep's folder>]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import torch

from benchmarks.record import ROOT, write
from benchmarks.studies.var_rules import SKIP, SkipRule
from rlsuite.algos.random import Random
from rlsuite.algos.reference.policy import Schedule
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.core.io import write_json
from rlsuite.envs.var.actions import CATEGORIES
from rlsuite.experiment.compare import load_run
from rlsuite.experiment.rollouts import evaluation_seed, play_episodes
from rlsuite.metrics import paired_interval, pareto_front
from rlsuite.runs.result import Result
from rlsuite.techniques.baseline import Baseline

LEVELS = (0.0, 1.0)
N_ENVS = 32
SEARCH = 7_000_000  # the stream of images that everything is chosen on; the learner's own is its seed's
COLUMNS = ("returns", "psnr", "ssim", "feature_distance", "frechet", "recognised", "flops_saved")
SCHEDULES = list(product(range(len(CATEGORIES)), repeat=2))


def overrides(args: argparse.Namespace) -> list[str]:
    """What every row has in common."""
    golden = args.out / "golden"
    return [
        "env=var",
        "reward=multi",
        f"reward.speed_weight={args.speed_weight}",
        "env.decide_from=6",
        "env.action=categorical",
        f"env.reference_folder={golden}",
        "env.reference_gb=4",
    ]


def learned(args: argparse.Namespace, seed: int, *, blind: bool):
    """Train PPO (a finished run is reused) and return its policy."""
    folder = args.out / f"ppo{'_blind' if blind else ''}_s{seed}"
    command = [
        "-m",
        "rlsuite.train",
        *overrides(args),
        "algo=ppo",
        "algo.n_steps=16",
        "algo.ent_coef=0.005",
        f"seed={seed}",
        f"total_steps={args.steps}",
        f"env.blind={str(blind).lower()}",
        f"hydra.run.dir={folder}",
        "evaluation.levels=[0.0]",
        "evaluation.episodes=32",
        "best_models=null",
    ]
    subprocess.run([sys.executable, *command], check=True, cwd=ROOT)
    return load_run(folder)[2]


def search(args: argparse.Namespace, task, seed: int) -> dict[tuple[int, int], dict[str, float]]:
    """Mean return, PSNR and savings of every schedule on training images: four rounds, half of them left after each.

    A quarter of the learner's episodes a round. Scores of earlier rounds stay for those that are out.
    """
    path = args.out / f"search_s{seed}.json"
    if path.exists():
        found = json.loads(path.read_text())
        return {tuple(json.loads(k)): v for k, v in found.items()}
    env, left, scores = task.vec_env([0.0], N_ENVS, SEARCH + seed), list(SCHEDULES), {}
    for _ in range(4):
        each = max(N_ENVS, args.steps // 2 // 4 // len(left))
        for schedule in left:
            env.seed(SEARCH + seed)
            played = play_episodes(fixed(task, schedule), env, each, deterministic=True, seed=seed)
            scores[schedule] = {
                key: float(np.mean(played[key])) for key in ("returns", "psnr", "flops_saved")
            }
        left = sorted(left, key=lambda s: -scores[s]["returns"])[: -(-len(left) // 2)]
    write_json(path, {json.dumps(k): v for k, v in scores.items()})
    return scores


def fixed(task, schedule) -> Schedule:
    """A policy that plays two categories."""
    return Schedule(task=task, technique=Baseline(), seed=0, actions=[float(a) for a in schedule])


def front(args: argparse.Namespace, task) -> list[tuple[int, int]]:
    """The schedules that no other one dominates in the searches of all seeds together."""
    found = [search(args, task, seed) for seed in range(args.seeds)]
    points = [[np.mean([f[s][key] for f in found]) for key in ("flops_saved", "psnr")] for s in SCHEDULES]
    return [s for s, good in zip(SCHEDULES, pareto_front(np.array(points)), strict=True) if good]


def rows(args: argparse.Namespace, task, seed: int) -> dict:
    """Functions that make each row's policy, by name."""
    found = search(args, task, seed)
    constant = max(range(len(CATEGORIES)), key=lambda a: found[a, a]["returns"])
    best = max(SCHEDULES, key=lambda s: found[s]["returns"])
    shared = {"task": task, "technique": Baseline(), "seed": seed}
    return {
        "fixed FastVAR": lambda: Schedule(**shared, actions=task.schedules()["fixed FastVAR"]),
        "best constant": lambda: fixed(task, (constant, constant)),
        "random": lambda: Random(**shared),
        "front-loaded": lambda: fixed(task, (3, 1)),
        "back-loaded": lambda: fixed(task, (1, 3)),
        "best static": lambda: fixed(task, best),
        "logistic rule": lambda: SkipRule(task, SEARCH + seed, 1024, np.arange(20.5, 26, 0.5)),
        "PPO, blind": lambda: learned(args, seed, blind=True),
        "PPO": lambda: learned(args, seed, blind=False),
        **{
            f"static {CATEGORIES[a]:g}, {CATEGORIES[b]:g}": lambda s=(a, b): fixed(task, s)
            for a, b in front(args, task)
        },
    }


def swept(args: argparse.Namespace, seed: int) -> dict:
    """Functions that load the sweep's policies of this seed, by name."""
    paths = sorted(args.sweep.rglob("result.json")) if args.sweep else []
    runs = [
        (run.config["reward"]["speed_weight"], path.parent)
        for path in paths
        if (run := Result.read(path)).seed == seed and run.status == "completed"
    ]
    return {
        f"PPO at {weight:g}": lambda folder=folder: load_run(folder)[2] for weight, folder in sorted(runs)
    }


def judged(args: argparse.Namespace, task, seed: int, name: str, make) -> dict:
    """Play a row on the held-out images of each level; what was played before is read."""
    path = args.out / "rows" / f"{name.replace(' ', '_').replace(',', '')}_s{seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    policy, stream, played = make(), evaluation_seed(seed) + 1, {}
    for level in LEVELS if not name.startswith(("static", "PPO at")) else LEVELS[:1]:
        env = task.vec_env([level], N_ENVS, stream)
        played[f"{level:g}"] = play_episodes(policy, env, args.episodes, deterministic=True, seed=stream)
    write_json(path, played)
    return played


def table(played: dict[str, list[dict]], level: str, base: str = "PPO") -> dict[str, dict]:
    """Means of each row over seeds and images, and the base's paired gain in return and PSNR with intervals."""
    found = {}
    for name, seeds in played.items():
        if any(level not in s for s in seeds):
            continue
        row = {key: round(float(np.mean([np.mean(s[level][key]) for s in seeds])), 4) for key in COLUMNS}
        for key in ("returns", "psnr", "flops_saved"):
            gains = [
                np.subtract(a[level][key], b[level][key]) for a, b in zip(played[base], seeds, strict=True)
            ]
            groups = np.repeat(np.arange(len(gains)), [len(g) for g in gains])
            gain = paired_interval(np.concatenate(gains), np.random.default_rng(0), groups)
            row[f"{base} minus it, {key}"] = [round(v, 4) for v in gain]
        found[name] = {"seeds": len(seeds), "n": sum(len(s[level]["returns"]) for s in seeds), **row}
    return found


def best_mixture(saved: float, errors: np.ndarray, savings: np.ndarray) -> float:
    """Return the least mean error of a mixture of two schedules that saves ``saved``.

    Args:
        saved: share of FLOPs.
        errors: (k,) mean error of each schedule.
        savings: (k,) what each saves.
    """
    saved = float(np.clip(saved, savings.min(), savings.max()))
    low, high = savings[:, None], savings[None]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high == low, 0.0, (saved - low) / (high - low))
    mixed = (1 - share) * errors[:, None] + share * errors[None]
    return float(np.where((low <= saved) & (saved <= high), mixed, np.inf).min())


def at_equal_flops(played: dict[str, list[dict]], level: str = "0") -> dict[str, list[float]]:
    """Each policy's gain over mixtures of static schedules in dB, with an interval over seeds and images.

    Each seed's policy is compared at what it saves itself, on the same images; errors are then averaged over seeds.
    """
    statics = [name for name in played if name.startswith("static")]
    rng, found = np.random.default_rng(0), {}

    def arrays(name: str) -> tuple[np.ndarray, np.ndarray]:
        seeds = [s[level] for s in played[name]]
        return 10 ** (-np.array([s["psnr"] for s in seeds]) / 10), np.array([s["flops_saved"] for s in seeds])

    front_error, front_saved = (np.stack(parts) for parts in zip(*map(arrays, statics), strict=True))
    for name in played.keys() - set(statics):
        error, saved = arrays(name)
        k, n = error.shape
        gains = []
        for draw in range(1001):
            groups = np.arange(k) if draw == 0 else rng.integers(k, size=k)
            totals = np.zeros(2)
            for g in groups:
                i = np.arange(n) if draw == 0 else rng.integers(n, size=n)
                peer = best_mixture(
                    saved[g, i].mean(), front_error[:, g, i].mean(-1), front_saved[:, g, i].mean(-1)
                )
                totals += error[g, i].mean(), peer
            gains.append(10 * np.log10(totals[1] / totals[0]))
        low, high = np.percentile(gains[1:], [2.5, 97.5])
        found[name] = [round(float(v), 3) for v in (gains[0], low, high)]
    return dict(sorted(found.items(), key=lambda item: -item[1][0]))


def above_fixed(played: dict[str, list[dict]], level: str = "0") -> dict[str, list[float]]:
    """How far each policy's mean error lies below fixed FastVAR's, in dB with an interval, where it saves no less."""

    def of(name: str, key: str) -> np.ndarray:
        return np.concatenate([s[level][key] for s in played[name]])

    def gap(error: np.ndarray, other: np.ndarray) -> float:
        return float(10 * np.log10(other.mean() / error.mean()))

    rng, found, base = np.random.default_rng(0), {}, "fixed FastVAR"
    other = 10 ** (-of(base, "psnr") / 10)
    for name in played.keys() - {base}:
        if (
            len(of(name, "psnr")) == len(other)
            and of(name, "flops_saved").mean() >= of(base, "flops_saved").mean()
        ):
            error = 10 ** (-of(name, "psnr") / 10)
            draws = [gap(error[i], other[i]) for i in rng.integers(len(error), size=(1000, len(error)))]
            found[name] = [round(v, 3) for v in (gap(error, other), *np.percentile(draws, [2.5, 97.5]))]
    return dict(sorted(found.items(), key=lambda item: -item[1][0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--episodes", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20_480, help="of each PPO, two an image")
    parser.add_argument("--speed-weight", type=float, default=0.8)
    parser.add_argument("--sweep", type=Path, help="folder of experiment=var_pareto")
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "var_ladder")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    cfg = compose(overrides(args))
    task = build(cfg.env, reward=build(cfg.reward))
    played: dict[str, list[dict]] = {}
    for seed in range(args.seeds):
        for name, make in {**rows(args, task, seed), **swept(args, seed)}.items():
            played.setdefault(name, []).append(judged(args, task, seed, name, make))
    levels = {f"{level:g}": table(played, f"{level:g}") for level in LEVELS}
    write(
        "var_ladder",
        {
            "seeds": args.seeds,
            "episodes": args.episodes,
            "steps": args.steps,
            "speed_weight": args.speed_weight,
            "categories": CATEGORIES,
            "skip": SKIP,
            "levels": levels,
            "dB above the best mixture of static schedules at equal FLOPs, level 0": at_equal_flops(played),
            "dB above fixed FastVAR of policies that save as much, level 0": above_fixed(played),
        },
    )


if __name__ == "__main__":
    main()

"""Decoding schedules of the digits ARPGTask side by side: by hand, by confidence, random, searched; and trained runs.

Each cell makes n images of all ten classes in turn, every policy from the same starts (class, order, one random number for
each token), and judges them: class accuracy with its standard error, Inception-style score and Fréchet distance on the
features of the digit classifier, mean steps, images a CPU-second (one thread). Cells already in the work file are kept, so the
command typed again goes on where it was; the table goes to results/arpg_baselines.json.

    python -m benchmarks.studies.arpg_baselines --images 4000 [--runs outputs/RUN ...]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.record import write
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.core.io import write_json
from rlsuite.envs.arpg.task import ARPGTask
from rlsuite.envs.arpg.vec_env import ARPGLevel
from rlsuite.experiment.compare import load_run
from rlsuite.generators.arpg.schedules import SCHEDULES, smooth
from rlsuite.generators.common.digits import load_digits
from rlsuite.generators.scorers.classifier import digit_classifier
from rlsuite.generators.scorers.quality import sample_quality

BATCH, STEPS, LEVELS = 100, (5, 8), (0.0, 1.0)
Policy = Callable[[np.ndarray, int], np.ndarray]
"""Observations (n, planes, S, S) and the number of the step to actions."""
Play = Callable[[int], tuple[torch.Tensor, torch.Tensor, np.ndarray]]


def tasks() -> dict[str, ARPGTask]:
    """The env without positions and looking ahead, which hand schedules do not need; and with both."""
    shared = ["env=arpg", "reward=env"]
    plain = compose([*shared, "env.max_parallel=64", "env.lookahead=false"])
    seeing = compose([*shared, "env.max_parallel=64", "env.action=count+positions"])
    return {
        name: build(cfg.env, reward=build(cfg.reward)) for name, cfg in (("plain", plain), ("seeing", seeing))
    }


def play(
    task: ARPGTask, policy: Policy, level: float, n: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Make n images; return them (n, C, H, W) in [0, 1], their classes (n,) and steps (n,)."""
    images, labels, steps = [], [], []
    for start in range(0, n, BATCH):
        envs = min(BATCH, n - start)
        env = task.vec_env([level], envs, seed * 1_000_000 + start)
        env.set_options([{"class": (start + i) % task.classes.n_classes} for i in range(envs)])
        observations, t = env.reset(), 0
        while not env.state.done:
            env._advance(policy(observations, t))  # not step: complete images must not begin anew
            observations, t = env._observe(), t + 1
        images.append(task.generator.decode(env.state))
        labels.append(env.state.labels)
        steps.append(env.state.steps.numpy())
    return torch.cat(images), torch.cat(labels), np.concatenate(steps)


def counted(counts: list[int]) -> Policy:
    return lambda observations, t: np.full(len(observations), counts[t] - 1)


def ranked(counts: Callable[[np.ndarray, int], np.ndarray]) -> Policy:
    """The surest positions first; ``counts(confidence (n, N) with -1 where known, t)`` says how many."""

    def policy(observations: np.ndarray, t: int) -> np.ndarray:
        n = len(observations)
        sure = np.where(observations[:, 0] > 0.5, -1.0, observations[:, 2]).reshape(n, -1)
        order = np.argsort(-sure, axis=1, kind="stable")
        return np.concatenate([np.maximum(counts(sure, t), 1)[:, None] - 1, order], axis=1).astype(np.int64)

    return policy


def random_counts(seed: int, most: int = 32) -> Policy:
    rng = np.random.default_rng(seed)
    return lambda observations, t: rng.integers(most, size=len(observations))


def learned(folder: Path) -> tuple[ARPGTask, Policy]:
    """A trained run's task and its greedy policy."""
    _, task, agent = load_run(folder)
    return task, lambda observations, t: agent.predict(observations, deterministic=True)[0]


class Judge:
    """What is measured of a cell."""

    def __init__(self) -> None:
        self.classifier, self.digits = digit_classifier(), load_digits()

    def cell(self, make: Play, n: int) -> dict[str, float]:
        start = time.process_time()
        images, labels, steps = make(n)
        took = time.process_time() - start
        found = sample_quality(images, labels, self.classifier, self.digits)
        p = found["recognised"]
        return {
            "n": n,
            "steps": round(float(steps.mean()), 3),
            "accuracy": round(p, 4),
            "accuracy_se": round(float(np.sqrt(p * (1 - p) / n)), 4),
            "inception": round(found["inception"], 3),
            "frechet": round(found["frechet"], 3),
            "nearest_ratio": round(found["nearest_ratio"], 3),
            "images_per_s": round(n / took, 1),
        }


def search(task: ARPGTask, judge: Judge, steps: int, level: float, n: int, rounds: int) -> list[int]:
    """Find the best static schedule by a (1 + 1) search from cosine, on starts of its own.

    A candidate is better where the classifier's mean log-probability of the class asked for is: smoother than accuracy.
    """

    def value(counts: list[int]) -> float:
        images, labels, _ = play(task, counted(counts), level, n, seed=7)
        with torch.no_grad():
            return float(judge.classifier(images * 2 - 1).log_softmax(1)[torch.arange(n), labels].mean())

    rng, weights = np.random.default_rng(0), np.array(task.hand_counts("cosine", steps), dtype=np.float64)
    tried = {tuple(task.hand_counts("cosine", steps)): 0.0}
    best = next(iter(tried))
    tried[best] = value(list(best))
    for i in range(rounds):
        proposal = weights * np.exp(rng.normal(0, 0.5 * (1 - 0.7 * i / rounds), size=steps))
        counts = tuple(smooth(proposal.tolist(), task.generator.positions))
        if counts not in tried:
            tried[counts] = value(list(counts))
        if tried[counts] > tried[best]:
            best, weights = counts, proposal
    return list(best)


def cells(
    made: dict[str, ARPGTask], judge: Judge, args: argparse.Namespace, known: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Name and maker of every cell that is not known yet; a searched schedule is an entry of its own."""
    plain, seeing = made["plain"], made["seeing"]
    for level in LEVELS:
        for steps in STEPS:
            where = f"level {level:g}, {steps} steps: "
            for name in SCHEDULES:
                yield where + name, (plain, counted(plain.hand_counts(name, steps)), level)
            by_hand = plain.hand_counts("cosine", steps)
            yield (
                where + "cosine, surest first",
                (seeing, ranked(lambda sure, t, c=by_hand: np.full(len(sure), c[t])), level),
            )
            key = where + "best static"
            if key not in known:
                known["schedules"][key] = known["schedules"].get(key) or search(
                    plain, judge, steps, level, args.search_images, args.rounds
                )
            yield key, (plain, counted(known["schedules"].get(key)), level)
        for threshold in (0.3, 0.4, 0.5):
            enough = ranked(lambda sure, t, least=threshold: (sure >= least).sum(axis=1))
            yield f"level {level:g}: surer than {threshold:g}", (seeing, enough, level)
        yield f"level {level:g}: random counts", (plain, random_counts(0), level)
        for folder in args.runs:
            task, policy = learned(folder)
            yield f"level {level:g}: run {folder.name}", (task, policy, level)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--search-images", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--runs", type=Path, nargs="*", default=[])
    parser.add_argument("--work", type=Path, default=Path("outputs/arpg_baselines.json"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    made, judge = tasks(), Judge()
    known = json.loads(args.work.read_text()) if args.work.exists() else {"schedules": {}}
    for name, (task, policy, level) in cells(made, judge, args, known):
        publish(known, args)
        if known.get(name, {}).get("n") != args.images:
            known[name] = judge.cell(lambda n, a=(task, policy, level): play(*a, n, seed=1), args.images)
            print(name, known[name], flush=True)
        args.work.parent.mkdir(parents=True, exist_ok=True)
        write_json(args.work, known)
    publish(known, args)


def publish(known: dict[str, Any], args: argparse.Namespace) -> None:
    """Write the table of the cells there are."""
    made = {name: cell for name, cell in known.items() if name != "schedules"}
    with contextlib.redirect_stdout(None):
        write(
            "arpg_baselines",
            {
                "images": args.images,
                "levels": {f"{v:g}": f"guidance {ARPGLevel.at(v).cfg:g}" for v in LEVELS},
                "search": {"images": args.search_images, "rounds": args.rounds},
                "searched": known["schedules"],
                "cells": made,
            },
        )


if __name__ == "__main__":
    main()

"""Cost of one gradient step of each technique over baseline's, at equal total samples (three variations).

All take turns on the same minibatch, so that a busy machine slows them alike; medians and their ratios go to
results/technique_cost.json. Limits for gar: 1.7 with an MLP, 1.1 with a CNN. Then whole tuned CartPole runs (learning alone, CPU seconds),
gar's and dr's in turns of 2,000 steps: at most 1.4 times as long is asked for.

    python -m benchmarks.speed.technique_cost --repeats 300 --cnn-repeats 14 --runs 5

A plain process pays page faults for large minibatches, which gar's smaller passes save; --keep-memory measures what
`python -m rlsuite.train` does (see `rlsuite.core.hardware`), and goes to results/technique_cost_kept.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback

from benchmarks.record import write
from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.config.settings import compose_settings
from rlsuite.core.hardware import use_hardware
from rlsuite.envs.common.vec_env import BatchedVecEnv
from rlsuite.experiment.run import build_pair
from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.chain import Chain
from rlsuite.techniques.dr import DR
from rlsuite.techniques.gar import GAR
from rlsuite.techniques.mask import Mask
from rlsuite.techniques.reg import Reg
from rlsuite.techniques.vrex import VREx
from tests.helpers.agents import make

LIMITS = {"mlp": 1.7, "cnn": 1.1, "run": 1.4}
SHAPES = {"mlp": (4,), "cnn": (12, 64, 64)}
TECHNIQUES: dict[str, Callable[[], Any]] = {
    "baseline": Baseline,
    "reg": Reg,
    "dr": DR,
    "gar": GAR,
    "mask": Mask,
    "vrex": VREx,
    "gar+reg": lambda: Chain({"gar": GAR(), "reg": Reg()}),
}


class Noise(BatchedVecEnv):
    """Observations are noise of any shape: only the cost of learning from them is measured."""

    def _start(self, envs: np.ndarray) -> None: ...

    def _advance(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
        no = np.zeros(self.num_envs, dtype=bool)
        return np.random.rand(self.num_envs), no, no, {}

    def _observe(self) -> np.ndarray:
        return np.random.rand(self.num_envs, *self.observation_space.shape).astype(np.float32)


class Task:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> Noise:
        return Noise(levels, n_envs, spaces.Box(0, 1, self.shape, np.float32), spaces.Discrete(3))


def stepper(algo: str, net: str, technique: str, batch_size: int) -> Callable[[], None]:
    """Return one gradient step of a learner on a fixed minibatch, the optimizer's step included."""
    shared = {
        "task": Task(SHAPES[net]),
        "technique": TECHNIQUES[technique](),
        "seed": 0,
        "net_arch": [64, 64],
    }
    if algo == "ppo":
        agent = make(
            PPO, **shared, n_envs=12, n_steps=-(-batch_size // 12), batch_size=batch_size, n_epochs=1
        )
        agent.learn(1)
        batch = next(agent.rollout_buffer.get(batch_size))
    else:
        agent = make(DQN, **shared, n_envs=3, buffer_size=300, learning_starts=10**6)
        agent.learn(600)
        batch = agent.replay_buffer.sample(batch_size)

    def step() -> None:
        agent.compute_gradient(agent._loss(batch), batch.domains)
        agent.policy.optimizer.step()

    agent.policy.set_training_mode(True)
    return step


def measure(algo: str, net: str, batch_size: int, repeats: int) -> dict[str, Any]:
    """Return each technique's median time and its median paired ratio to baseline."""
    steps = {name: stepper(algo, net, name, batch_size) for name in TECHNIQUES}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(repeats + 1):
        order = list(steps)
        for name in order[i % len(order) :] + order[: i % len(order)]:  # none always follows the same one
            start = time.perf_counter()
            steps[name]()
            if i > 0:  # the first is warm-up
                times[name].append(time.perf_counter() - start)
    base = times["baseline"]
    return {
        name: {
            "ms": round(1e3 * statistics.median(own), 4),
            "ratio": round(statistics.median(a / b for a, b in zip(own, base, strict=True)), 3),
        }
        for name, own in times.items()
    }


class Turns(BaseCallback):
    """Lets two runs of one length go on in turns, some rollouts each: what slows a machine for a while slows both of them."""

    def __init__(self, mine: Semaphore, other: Semaphore, every: int = 2_000) -> None:
        super().__init__()
        self.mine, self.other, self.every, self.due = mine, other, every, every

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self.num_timesteps >= self.due:
            self.due += self.every
            self.other.release()
            self.mine.acquire()


def whole_run(algo: str, technique: str, seed: int, mine: Semaphore, other: Semaphore) -> float:
    """Return the CPU seconds of this thread that learning CartPole takes with the tuned settings."""
    torch.set_num_threads(1)  # a thread begins with as many as the machine has
    cfg = compose_settings(["env=cartpole", f"algo={algo}", f"technique={technique}", f"seed={seed}"])
    _, agent = build_pair(cfg)
    mine.acquire()
    start = time.thread_time()
    agent.learn(cfg.total_steps, callback=Turns(mine, other))
    took = time.thread_time() - start
    other.release()  # its last turn goes on to its end
    return took


def pair_of_runs(algo: str, seed: int) -> tuple[float, float]:
    """Return the seconds of gar's and of dr's run, side by side."""
    turns = Semaphore(1), Semaphore(0)
    with ThreadPoolExecutor(2) as pool:
        gar = pool.submit(whole_run, algo, "gar", seed, turns[0], turns[1])
        dr = pool.submit(whole_run, algo, "dr", seed, turns[1], turns[0])
        return gar.result(), dr.result()


def measure_runs(algo: str, runs: int) -> dict[str, Any]:
    """Return median seconds of gar's and dr's runs, and the ratios of the pairs."""
    pairs = [pair_of_runs(algo, seed) for seed in range(runs)]
    ratios = [gar / dr for gar, dr in pairs]
    seconds = {
        name: round(statistics.median(column), 2)
        for name, column in zip(("gar", "dr"), zip(*pairs, strict=True), strict=True)
    }
    return {
        "cpu_s": seconds,
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(r, 3) for r in ratios],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--cnn-repeats", type=int, default=5)
    parser.add_argument("--nets", nargs="+", choices=tuple(SHAPES), default=list(SHAPES))
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--runs", type=int, default=3, help="pairs of whole runs; 0: none")
    parser.add_argument("--keep-memory", action="store_true")
    args = parser.parse_args()
    use_hardware(1) if args.keep_memory else torch.set_num_threads(1)
    found = {}
    for algo in ("ppo", "dqn"):
        for net in args.nets:
            repeats = args.repeats if net == "mlp" else args.cnn_repeats
            found[f"{algo}_{net}"] = measure(algo, net, args.batch, repeats)
    held = {case: rows["gar"]["ratio"] <= LIMITS[case.split("_")[1]] for case, rows in found.items()}
    whole = {algo: measure_runs(algo, args.runs) for algo in ("ppo", "dqn") if args.runs}
    held |= {f"{algo}_run": row["ratio"] <= LIMITS["run"] for algo, row in whole.items()}
    write(
        "technique_cost" + ("_kept" if args.keep_memory else ""),
        {
            "batch": args.batch,
            "limits": LIMITS,
            "cases": found,
            "whole_runs": whole,
            "gar_within_limit": held,
        },
    )
    sys.exit(not all(held.values()))


if __name__ == "__main__":
    main()

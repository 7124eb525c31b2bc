"""Size and time of a checkpoint that resumes exactly, beside what Stable-Baselines3 saves (which does not).

Ours holds parameters, optimiser, env envs, buffers and random streams; a replay buffer lives in memory maps in the run's folder, so that a
checkpoint flushes what is new. Theirs is `model.save`, for DQN with `save_replay_buffer`; env and random streams are not in it. CPU seconds,
medians of turns on CartPole; bytes of what a checkpoint writes, and of the memory maps beside it. Results go to results/checkpoint.json.

    python -m benchmarks.speed.checkpoint --repeats 7
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stable_baselines3 as sb3
from stable_baselines3.common.env_util import make_vec_env

from benchmarks.record import write
from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.core.hardware import use_hardware
from rlsuite.core.seeding import get_rng_state
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.runs.checkpoint import write_tree
from rlsuite.techniques.baseline import Baseline
from tests.helpers.agents import make

BUFFER, STEPS = 100_000, 20_000


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def timed(work: Callable[[Path], Any], repeats: int) -> tuple[float, int]:
    """Median CPU milliseconds of writing into a new folder, and the bytes there."""
    found, written = [], 0
    for _ in range(repeats):
        folder = Path(tempfile.mkdtemp())
        start = time.process_time()
        work(folder)
        found.append(1000 * (time.process_time() - start))
        written = size(folder)
        shutil.rmtree(folder)
    return round(statistics.median(found), 2), written


def pair(name: str, kept: Path) -> tuple[Any, Any]:
    """Ours and theirs after some learning."""
    task, env = CartPole(reward=EnvReward()), make_vec_env("CartPole-v1", n_envs=4, seed=0)
    shared = {"task": task, "technique": Baseline(), "seed": 0, "n_envs": 4}
    if name == "ppo":
        ours, theirs = make(PPO, **shared), sb3.PPO("MlpPolicy", env, seed=0, device="cpu", n_steps=256)
    else:
        ours = make(DQN, **shared, buffer_size=BUFFER, learning_starts=STEPS)
        ours.keep_in(kept)
        theirs = sb3.DQN("MlpPolicy", env, seed=0, device="cpu", buffer_size=BUFFER, learning_starts=STEPS)
    for agent in (ours, theirs):
        agent.learn(STEPS)
    return ours, theirs


def saved(theirs: Any, folder: Path) -> None:
    """What Stable-Baselines3 offers."""
    theirs.save(folder / "model.zip")
    if hasattr(theirs, "save_replay_buffer"):
        theirs.save_replay_buffer(folder / "buffer.pkl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    use_hardware(1)
    found = {}
    for name in ("ppo", "dqn"):
        kept = Path(tempfile.mkdtemp())
        ours, theirs = pair(name, kept)
        mine = timed(
            lambda folder, a=ours: write_tree(
                folder / "tree", {"agent": a.get_state(), "rng": get_rng_state()}
            ),
            args.repeats,
        )
        their = timed(lambda folder, a=theirs: saved(a, folder), args.repeats)
        found[name] = {
            "cpu_ms": mine[0],
            "bytes": mine[1],
            "memory_maps_bytes": size(kept),
            "sb3_cpu_ms": their[0],
            "sb3_bytes": their[1],
            "ratio": round(their[0] / mine[0], 2),
        }
        shutil.rmtree(kept)
    write("checkpoint", {"steps": STEPS, "buffer": BUFFER, "algos": found})


if __name__ == "__main__":
    main()

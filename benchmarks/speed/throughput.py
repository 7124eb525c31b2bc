"""Training throughput against stock Stable-Baselines3 and sb3-contrib: same hyperparameters, bit-identical path, one thread.

On CartPole theirs steps Gymnasium's env (DummyVecEnv with Monitor), elsewhere our envs under VecMonitor, and on pictures it has our
network: what differs is the learner. Ours and theirs take turns; the median of the paired ratios of process CPU time counts, which other
load on the machine disturbs least. The parameters are compared at the end: both computed the same. At least 1.1 is asked for on CartPole
from PPO, A2C and DQN, 1.0 elsewhere. Results go to results/throughput.json.

    python -m benchmarks.speed.throughput --repeats 5 [--cases cartpole_ppo minigrid_dqn]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any, NamedTuple

import sb3_contrib
import stable_baselines3 as sb3
import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecMonitor

from benchmarks.record import write
from rlsuite.algos.a2c import A2C
from rlsuite.algos.ars import ARS
from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.algos.ppo_recurrent import RecurrentPPO
from rlsuite.algos.qrdqn import QRDQN
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.core.hardware import use_hardware
from rlsuite.networks.pixels import NatureCNN
from rlsuite.techniques.baseline import Baseline
from tests.helpers.agents import make

NOTHING: dict[str, Any] = {}


class Case(NamedTuple):
    """A pair to time: ours and upstream's class, what both get, and what only one understands."""

    env: str
    ours: Any
    theirs: Any
    envs: int
    steps: int
    shared: dict[str, Any]
    limit: float = 1.0
    mine: dict[str, Any] = NOTHING
    policy: tuple[str, dict[str, Any]] = ("MlpPolicy", NOTHING)


REPLAY = {"learning_starts": 500, "buffer_size": 10_000, "exploration_fraction": 0.7}
PICTURES = (
    "CnnPolicy",
    {
        "features_extractor_class": NatureCNN,
        "normalize_images": False,
        "net_arch": [],
        "features_extractor_kwargs": {"features_dim": 256},
    },
)
QR = {"max_grad_norm": 5.0, "exploration_final_eps": 0.05}
PPO_SETTINGS = {"n_steps": 256, "batch_size": 64, "n_epochs": 10}
CASES = {
    "cartpole_ppo": Case("cartpole", PPO, sb3.PPO, 8, 4_096, PPO_SETTINGS, 1.1),
    "cartpole_a2c": Case("cartpole", A2C, sb3.A2C, 8, 6_000, {}, 1.1),
    "cartpole_dqn": Case("cartpole", DQN, sb3.DQN, 4, 6_000, REPLAY, 1.1),
    "cartpole_qrdqn": Case(
        "cartpole",
        QRDQN,
        sb3_contrib.QRDQN,
        4,
        4_000,
        REPLAY | QR,
        1.0,
        {"n_quantiles": 50},
        ("MlpPolicy", {"n_quantiles": 50}),
    ),
    "cartpole_ppo_recurrent": Case(
        "cartpole",
        RecurrentPPO,
        sb3_contrib.RecurrentPPO,
        8,
        1_024,
        {"n_steps": 64, "batch_size": 128},
        1.0,
        {"lstm_hidden_size": 64},
        ("MlpLstmPolicy", {"lstm_hidden_size": 64}),
    ),
    "cartpole_ars": Case("cartpole", ARS, sb3_contrib.ARS, 1, 10_000, {}, 1.0, {}, ("LinearPolicy", {})),
    "minigrid_ppo": Case("minigrid", PPO, sb3.PPO, 8, 4_096, PPO_SETTINGS),
    "minigrid_dqn": Case("minigrid", DQN, sb3.DQN, 4, 6_000, REPLAY),
    "sprites_ppo": Case(
        "sprites", PPO, sb3.PPO, 32, 10_240, {"n_steps": 40, "batch_size": 256, "n_epochs": 10}
    ),
    "starpilot_ppo": Case(
        "starpilot",
        PPO,
        sb3.PPO,
        30,
        1_920,
        {"n_steps": 64, "batch_size": 480, "n_epochs": 2},
        1.0,
        {"network": "nature", "net_arch": []},
        PICTURES,
    ),
}


def timed(agent: Any, steps: int) -> float:
    """Return the CPU seconds of learning."""
    start = time.process_time()
    agent.learn(steps)
    return time.process_time() - start


def turn(case: Case) -> tuple[float, float, bool]:
    """Return CPU seconds of ours and of theirs, and whether both ended with the same parameters."""
    cfg = compose([f"env={case.env}", "reward=env"])
    task = build(cfg.env, reward=build(cfg.reward))
    ours = make(
        case.ours, task=task, technique=Baseline(), seed=0, n_envs=case.envs, **case.shared, **case.mine
    )
    own = timed(ours, case.steps)  # before theirs is built: both then learn from the same random streams
    if case.env == "cartpole":
        env = make_vec_env("CartPole-v1", n_envs=case.envs, seed=0)
    else:
        env = VecMonitor(task.vec_env([0.0], case.envs, 0))
    name, arguments = case.policy
    device = {} if case.theirs is sb3_contrib.ARS else {"policy_kwargs": dict(arguments)}
    theirs = case.theirs(name, env, seed=0, device="cpu", **device, **case.shared)
    other, state = timed(theirs, case.steps), ours.policy.state_dict()
    same = [torch.equal(value, state[name]) for name, value in theirs.policy.state_dict().items()]
    return own, other, all(same)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cases", nargs="+", choices=tuple(CASES), default=list(CASES))
    args = parser.parse_args()
    use_hardware(1)
    found = {}
    for name in args.cases:
        case = CASES[name]
        turns = [turn(case) for _ in range(args.repeats + 1)][1:]  # the first warms up
        ratios = [theirs / ours for ours, theirs, _ in turns]
        found[name] = {
            "envs": case.envs,
            "steps": case.steps,
            "limit": case.limit,
            "steps_per_cpu_s": round(case.steps / statistics.median(ours for ours, _, _ in turns)),
            "steps_per_cpu_s_upstream": round(
                case.steps / statistics.median(theirs for _, theirs, _ in turns)
            ),
            "ratio": round(statistics.median(ratios), 3),
            "ratios": [round(ratio, 3) for ratio in ratios],
            "same_parameters": all(same for _, _, same in turns),
        }
        print(name, found[name], flush=True)
    held = all(entry["ratio"] >= entry["limit"] and entry["same_parameters"] for entry in found.values())
    write("throughput", {"held": held, "cases": found})
    sys.exit(not held)


if __name__ == "__main__":
    main()

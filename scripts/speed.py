"""Write docs/speed.md: what was measured beside a peer, from benchmarks/results; --bench makes those results anew.

python scripts/speed.py           # write the page
python scripts/speed.py --check   # exit 1 if it is not what it would be (a test does the same)
python scripts/speed.py --bench   # run every benchmark of the page, then write it: `make bench`
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from results import today

ROOT = Path(__file__).parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "speed.md"
HEAD = """# Speed, beside what people would use instead

Each line is a ratio of two things that do the same work in one run of one script, in turns, with one thread; above 1 is faster than the peer
unless said. The machine's load disturbs both alike. Made by `python scripts/speed.py` from `benchmarks/results`; `make bench` measures
everything anew (about half an hour of one core).

There are two paths. By default a learner computes what Stable-Baselines3 computes, bit for bit, and only what costs nothing in bits was made
faster. `algo.fast=true` (for `ppo`) gives up the bits and keeps the curves: policies that are plain perceptrons play and learn in numpy, by a gradient that is
written out (`rlsuite/algos/accelerated/written_out_gradient.py`), pictures in bfloat16 with a fused Adam. It is a setting like any other: part of a run's name.

| what | beside | ratio | asked for | file |
|---|---|---|---|---|
"""
TAIL = """
Costs that have no peer: planning a sweep of 200 jobs takes {plan:.0f} CPU seconds, all composed and checked; the process of a job adds {job:.2f} to bare
Hydra's; a buffer of 100,000 StarPilot transitions takes {buffer:.2f} GB, the process {process:.2f} GB at its peak.
"""


class Row(NamedTuple):
    """A line of the page: where in which result its ratio stands, and what was asked for."""

    what: str
    peer: str
    file: str
    path: str
    asked: str


ROWS = [
    Row(
        "PPO on CartPole, the same bits", "Stable-Baselines3", "throughput", "cases.cartpole_ppo.ratio", "1.1"
    ),
    Row(
        "A2C on CartPole, the same bits", "Stable-Baselines3", "throughput", "cases.cartpole_a2c.ratio", "1.1"
    ),
    Row(
        "DQN on CartPole, the same bits", "Stable-Baselines3", "throughput", "cases.cartpole_dqn.ratio", "1.1"
    ),
    Row(
        "QR-DQN on CartPole, the same bits", "sb3-contrib", "throughput", "cases.cartpole_qrdqn.ratio", "1.0"
    ),
    Row(
        "RecurrentPPO on CartPole, the same bits",
        "sb3-contrib",
        "throughput",
        "cases.cartpole_ppo_recurrent.ratio",
        "1.0",
    ),
    Row("ARS on CartPole, the same bits", "sb3-contrib", "throughput", "cases.cartpole_ars.ratio", "1.0"),
    Row(
        "PPO on MiniGrid, the same bits",
        "Stable-Baselines3 on our envs",
        "throughput",
        "cases.minigrid_ppo.ratio",
        "1.0",
    ),
    Row(
        "DQN on MiniGrid, the same bits",
        "Stable-Baselines3 on our envs",
        "throughput",
        "cases.minigrid_dqn.ratio",
        "1.0",
    ),
    Row(
        "PPO on sprites, the same bits",
        "Stable-Baselines3 on our envs",
        "throughput",
        "cases.sprites_ppo.ratio",
        "1.0",
    ),
    Row(
        "PPO on StarPilot, the same bits",
        "Stable-Baselines3 on our envs, our CNN",
        "throughput",
        "cases.starpilot_ppo.ratio",
        "1.0",
    ),
    Row(
        "`algo.fast`: PPO until CartPole is solved",
        "Stable-Baselines3",
        "fast",
        "cases.cartpole.ratio",
        "1.5",
    ),
    Row(
        "`algo.fast`: PPO on CartPole, all steps",
        "Stable-Baselines3",
        "fast",
        "cases.cartpole.ratio_of_all_steps",
        "",
    ),
    Row("`algo.fast`: PPO on sprites, positions", "Stable-Baselines3", "fast", "cases.sprites.ratio", "1.5"),
    Row(
        "`algo.fast`: PPO on StarPilot, Nature-CNN",
        "Stable-Baselines3",
        "fast",
        "cases.starpilot.ratio",
        "1.3",
    ),
    Row(
        "PPO's steps until CartPole is solved, tuned settings",
        "rl-baselines3-zoo's settings",
        "zoo",
        "algos.ppo.ratio_of_steps",
        "",
    ),
    Row("DQN's", "rl-baselines3-zoo's settings", "zoo", "algos.dqn.ratio_of_steps", ""),
    Row(
        "ES: a population after 50,000 steps",
        "one member after the other",
        "es_population",
        "populations.after 50,000 steps.ratio",
        "10",
    ),
    Row(
        "gar's gradient step, PPO's perceptron",
        "baseline's (below 1.7 asked)",
        "technique_cost",
        "cases.ppo_mlp.gar.ratio",
        "< 1.7",
    ),
    Row(
        "gar's gradient step, PPO's CNN",
        "baseline's (below 1.1 asked)",
        "technique_cost",
        "cases.ppo_cnn.gar.ratio",
        "< 1.1",
    ),
    Row(
        "the same where memory is kept",
        "baseline's",
        "technique_cost_kept",
        "cases.ppo_cnn.gar.ratio",
        "< 1.1",
    ),
    Row(
        "PPO's whole CartPole run with gar, time of",
        "with dr (below 1.4 asked)",
        "technique_cost",
        "whole_runs.ppo.ratio",
        "< 1.4",
    ),
    Row("DQN's", "with dr", "technique_cost", "whole_runs.dqn.ratio", "< 1.4"),
    Row(
        "StarPilot's envs with four stacked frames",
        "Procgen's bare stepping",
        "procgen_stepping",
        "stack_4.share_of_bare.median",
        "0.6",
    ),
    Row(
        "StarPilot's envs without stack",
        "Procgen's bare stepping",
        "procgen_stepping",
        "no_stack.share_of_bare.median",
        "0.9",
    ),
    Row("2048, 64 envs", "the rules in Python, game by game", "game2048_lanes", "ratio_64.steps", "10"),
    Row("CarRacing's patch renderer", "Gymnasium's env", "carracing_renderer", "ratio.patch", "20"),
    Row("env=var, 32 envs", "one env after the other", "var_lanes", "ratio", "2.0"),
    Row(
        "VAR, half of the last scales' tokens, batch 32",
        "unpruned",
        "var_speed",
        "pruning.8.codes.speedup",
        "1.2",
    ),
    Row("VAR, a quarter of them", "unpruned", "var_speed", "pruning.9.codes.speedup", "1.45"),
    Row("the same while memory is kept, half", "unpruned", "var_speed_kept", "pruning.8.codes.speedup", ""),
    Row(
        "the same while memory is kept, a quarter",
        "unpruned",
        "var_speed_kept",
        "pruning.9.codes.speedup",
        "",
    ),
    Row(
        "PPO's rollout on env=var, time of",
        "the generator's own sampling (below 1.2 asked)",
        "var_speed",
        "rollout.rollout_over_sampling",
        "< 1.2",
    ),
    Row(
        "GRPO's rollouts on env=arpg, 64 envs",
        "one after the other",
        "arpg_speed",
        "group_rollouts_8_steps.ratio",
        "2",
    ),
    Row("ARPG with key-value caches, 16 steps", "without", "arpg_speed", "kv_cache_16_steps.ratio", "2"),
    Row("start of a command, time of", "plain Hydra (below 1.5 asked)", "startup", "ratio", "< 1.5"),
    Row(
        "an exact checkpoint of PPO on CartPole",
        "Stable-Baselines3's `save`, which resumes nothing exactly",
        "checkpoint",
        "algos.ppo.ratio",
        "",
    ),
    Row(
        "the same of DQN, 100,000 transitions",
        "`save` and `save_replay_buffer`",
        "checkpoint",
        "algos.dqn.ratio",
        "",
    ),
    Row(
        "reading TensorBoard's event files", "TensorBoard's reader", "event_reader", "times_faster.median", ""
    ),
]


def result(name: str) -> dict[str, Any]:
    """Return a result file."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def found(row: Row) -> float:
    """Return the number that ``row.path`` leads to; digits are places in a list."""
    value: Any = result(row.file)
    for key in row.path.split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return float(value)


def page() -> str:
    """Return docs/speed.md."""
    sweep, memory = result("sweep_overhead"), result("replay_memory")
    rows = "".join(
        f"| {row.what} | {row.peer} | {found(row):.2f} | {row.asked} | `{row.file}` |\n" for row in ROWS
    )
    tail = TAIL.format(
        plan=sweep["plan_of_200_cpu_s"],
        job=sweep["overhead_cpu_s_per_job"],
        buffer=memory["buffer_gb"],
        process=memory["peak_process_gb"],
    )
    return HEAD + rows + tail


def main() -> None:
    """Measure, check or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--bench", action="store_true")
    args = parser.parse_args()
    for name in dict.fromkeys([*(row.file for row in ROWS), "sweep_overhead", "replay_memory"]):
        if args.bench:
            command = today(result(name)["command"]).replace("python ", f"{sys.executable} ", 1)
            print(f"== {command}", flush=True)
            subprocess.run(
                command.split(), cwd=ROOT, check=False
            )  # a ratio below what is asked for is an answer too
    if args.check:
        sys.exit(page() != PAGE.read_text())
    PAGE.write_text(page())


if __name__ == "__main__":
    main()

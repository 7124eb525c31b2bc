"""Speed of pruned generation three ways: FLOPs, kept tokens, wall time at batch 1 and 32; and PPO's rollout beside sampling.

Part 1 prunes the last scales (6x6, 8x8) of the digits generator by one ratio; all settings are timed in turn, within each
repeat, one thread; medians, and the median over repeats of the ratio to the unpruned time of the same repeat. Once the codes
alone, once with the picture decoded, whose cost pruning does not change.
Part 2 times what PPO does on 32 envs to collect one image an env (policy, generation, decoding, reward; reference images warm),
with the finished images judged alone, against the generator sampling 32 images.

A plain process returns freed memory to the system, and pays for it anew; --keep-memory measures what `python -m rlsuite.train` does
(see `rlsuite.core.hardware`), where everything is faster, unpruned generation most. It goes to results/var_speed_kept.json.

    python -m benchmarks.speed.var_speed --repeats 25 [--keep-memory]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.record import write
from rlsuite.algos.ppo import PPO
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.core.hardware import use_hardware
from rlsuite.techniques.baseline import Baseline

RATIOS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def side_by_side(
    works: dict[str, Callable[[], object]], base: str, repeats: int
) -> dict[str, dict[str, float]]:
    """Median milliseconds of each, and median speed-up over the base of the same repeat, each with its quartiles."""
    for work in works.values():
        work()
    seconds = [{name: timed(work) for name, work in works.items()} for _ in range(repeats)]
    found = {}
    for name in works:
        gains = [row[base] / row[name] for row in seconds]
        found[name] = {
            "ms": round(1000 * statistics.median(row[name] for row in seconds), 2),
            "speedup": round(statistics.median(gains), 3),
            "quartiles": [round(float(q), 3) for q in np.percentile(gains, [25, 75])],
        }
    return found


def pruning(repeats: int) -> list[dict]:
    """Part 1."""
    generator = build(compose(["env=var"]).env.generator)
    free = generator.n_scales - generator.cache_scale - 1
    rows: list[dict] = []
    for batch in (1, 32):
        rng = np.random.default_rng(0)
        labels, seeds = rng.integers(0, 10, batch), rng.integers(2**31, size=batch)

        def make(ratio: float, labels=labels, seeds=seeds):
            schedule = [0.0] * (generator.n_scales - free) + [ratio] * free
            return generator.generate(labels, seeds, 1.5, schedule)

        states = {ratio: make(ratio) for ratio in RATIOS}
        codes = side_by_side({str(r): lambda r=r: make(r) for r in RATIOS}, "0.0", repeats)
        pictures = side_by_side(
            {str(r): lambda r=r: generator.decode(make(r)) for r in RATIOS}, "0.0", repeats
        )
        for ratio in RATIOS:
            state = states[ratio]
            rows.append(
                {
                    "batch": batch,
                    "ratio": ratio,
                    "flops_saved": round(float(generator.flops_saved(state)[0].sum()), 3),
                    "kept_tokens": int(state.kept[0].sum()),
                    "of": sum(generator.lengths),
                    "codes": codes[str(ratio)],
                    "with_decoding": pictures[str(ratio)],
                }
            )
    return rows


def rollout(repeats: int) -> dict:
    """Part 2."""
    cfg = compose(["env=var", "env.judged=last", "env.decide_from=6", "env.pool=32", "env.classifier=null"])
    task = build(cfg.env, reward=build(cfg.reward))
    agent = PPO(task=task, technique=Baseline(), seed=0, n_envs=32, n_steps=2, batch_size=64)
    envs, generator = agent.env, task.generator
    observation = envs.reset()
    conditions = envs._conditions()

    def collect() -> None:
        nonlocal observation
        for _ in range(task.n_decisions):
            with torch.no_grad():
                values = agent.policy(torch.as_tensor(observation))
            observation, *_ = envs.step(np.zeros_like(values[0].numpy()))  # nothing pruned, as in sampling

    def sample() -> None:
        generator.decode(generator.generate(*conditions.tensors()))

    found = side_by_side({"sampling": sample, "rollout": collect}, "rollout", repeats)
    return {"envs": 32, **found, "rollout_over_sampling": found["sampling"]["speedup"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--keep-memory", action="store_true")
    args = parser.parse_args()
    use_hardware(1) if args.keep_memory else torch.set_num_threads(1)
    write(
        "var_speed" + ("_kept" if args.keep_memory else ""),
        {"repeats": args.repeats, "pruning": pruning(args.repeats), "rollout": rollout(args.repeats)},
    )


if __name__ == "__main__":
    main()

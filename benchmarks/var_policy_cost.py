"""FLOPs of one greedy decision of the env=var policy beside those of one unpruned image of its generator.

python benchmarks/var_policy_cost.py
"""

from __future__ import annotations

import argparse

import torch
from record import write
from torch.utils.flop_counter import FlopCounterMode

from rlsuite.config.settings import compose_settings
from rlsuite.experiment.run import build_pair


def main() -> None:
    torch.set_num_threads(1)
    task, agent = build_pair(compose_settings(["env=var", "algo=ppo"]))
    observation = torch.zeros(1, *agent.observation_space.shape)
    with FlopCounterMode(display=False) as counter:
        agent.policy._predict(observation)
    decision, image = counter.get_total_flops() / 1e6, float(task.generator.full_flops.sum()) / 1e6
    write(
        "var_policy_cost",
        {
            "mflop_a_decision": round(decision, 2),
            "decisions": task.n_decisions,
            "mflop_an_unpruned_image": round(image, 1),
        },
    )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()

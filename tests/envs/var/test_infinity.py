"""The pruning env on a tiny Infinity of random weights: another generator is another choice, nothing else."""

import numpy as np
import pytest
import torch

from rlsuite.envs.var.task import VARTask
from rlsuite.generators.infinity.bsq_tokenizer import BSQ, BSQConfig
from rlsuite.generators.infinity.generator import Bitwise
from rlsuite.generators.infinity.transformer import Infinity, InfinityConfig
from rlsuite.generators.next_scale.pruning import PruningSettings
from rlsuite.rewards.gated import Gated

SIDES = ((1, 1), (2, 2), (4, 4), (6, 6))


@pytest.fixture(scope="module")
def task() -> VARTask:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = InfinityConfig(
            code_bits=4,
            text_channels=128,
            text_maxlen=4,
            embed_dim=16,
            depth=2,
            num_heads=2,
            block_chunks=1,
            sides=SIDES,
        )
        vae = BSQ(BSQConfig(z_channels=4, ch=32, ch_mult=(1, 1), num_res_blocks=1, sides=SIDES))
        prompts = [torch.randn(n, 128) for n in (2, 3, 4)]
        fast = PruningSettings(cache_side=2, schedule=((4, 0.5), (6, 1.0)))
        generator = Bitwise(vae, Infinity(config), prompts, fast)
    return VARTask(reward=Gated(), generator=generator, unseen_classes=[2], pool=32, decide_from=4)


def test_an_episode_decides_on_the_last_scales(task: VARTask) -> None:
    env = task.vec_env([0.0, 1.0], 4, seed=0)
    assert env.reset().shape == (4, 5, 6, 6)
    assert set(env.labels[::2]) <= {0, 1} and set(env.labels[1::2]) == {2}
    kept = []
    for action in (0.5, 1.0):
        _, _, dones, infos = env.step(np.full((4, 1), action, np.float32))
        kept.append(infos[0]["kept_tokens"])
    assert kept == [8, 0] and dones.all()
    assert infos[0]["metrics"]["flops_saved"] > 0.5
    assert task.schedules()["fixed FastVAR"] == [0.5, 1.0]


def test_pruning_nothing_gives_the_golden_image_and_state_goes_on(task: VARTask) -> None:
    env, copy = task.vec_env([0.5], 3, seed=1), task.vec_env([0.5], 3, seed=2)
    env.reset(), copy.reset()
    env.step(np.zeros((3, 1), np.float32))
    copy.set_state(env.get_state())
    (_, _, _, infos), (_, _, _, again) = (e.step(np.zeros((3, 1), np.float32)) for e in (env, copy))
    assert [i["metrics"] for i in infos] == [i["metrics"] for i in again]
    assert all(i["metrics"]["psnr"] == 60 for i in infos)

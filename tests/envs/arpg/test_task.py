"""The decoding env on a tiny generator: masks, observations, envs that equal envs alone, repeatable starts, state."""

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from rlsuite.core.errors import UserError
from rlsuite.envs.arpg.task import ARPGTask, strips
from rlsuite.envs.arpg.vec_env import POOLED, ARPGLevel
from rlsuite.envs.common.vec_env import SingleEnv
from rlsuite.generators.arpg import transformer as transformer
from rlsuite.generators.arpg.generator import RandomOrder
from rlsuite.generators.arpg.vq_tokenizer import VQ, VQConfig
from rlsuite.generators.var import presets
from rlsuite.rewards.env import EnvReward


@pytest.fixture(scope="module")
def generator() -> RandomOrder:
    """16 tokens of 8 codes; its weights are random, so its images are noise."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        vq = VQ(VQConfig(1, 4, (1, 1, 1, 1), 1, 4, 2, codebook_size=8, codebook_embed_dim=4))
        arpg = transformer.ARPG(transformer.ARPGConfig(8, 10, 16, 2, 2, 16, multiple_of=8))
        with torch.no_grad():
            for parameter in arpg.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return RandomOrder(vq, arpg)


def make(generator: RandomOrder, **settings) -> ARPGTask:
    def judge(images: torch.Tensor) -> torch.Tensor:
        """Ten classes by how bright the image is."""
        share = images.mean((1, 2, 3)) / 2 + 0.5
        return torch.nn.functional.one_hot((share * 10).long().clamp(0, 9), 10).float()

    return ARPGTask(
        reward=EnvReward(),
        generator=generator,
        **{"classifier": judge, "max_parallel": 8, "hand_steps": 4, **settings},
    )


@pytest.fixture(scope="module")
def task(generator) -> ARPGTask:
    return make(generator)


def test_first_observation(task: ARPGTask) -> None:
    env = task.vec_env([0.0], 3, seed=0)
    observations = env.reset()
    assert observations.shape == (3, 6 + POOLED + 4, 4, 4) and observations.dtype == np.float32
    known, rank, confidence, entropy, step, left = observations.transpose(1, 0, 2, 3)[:6]
    assert not known.any() and not step.any() and (left == 1).all()
    assert np.array_equal(np.sort(rank.reshape(3, -1)), np.tile(np.arange(16) / 16, (3, 1)))
    assert (confidence > 1 / 8).all() and (entropy > 0).all() and (entropy <= 1).all()
    assert not observations[:, -4:].any()  # no codes yet


def test_a_step_decodes_the_next_positions_of_the_envs_order(task: ARPGTask) -> None:
    env = task.vec_env([0.0], 2, seed=0)
    rank = env.reset()[:, 1].reshape(2, -1) * 16
    observations, rewards, dones, infos = env.step(np.array([2, 4]))
    assert [i["count"] for i in infos] == [3, 5] and not dones.any() and not rewards.any()
    assert np.array_equal(observations[:, 0].reshape(2, -1) == 1, rank < np.array([[3], [5]]))
    assert observations[:, 4, 0, 0].tolist() == [1 / 16] * 2 and observations[:, 5, 0, 0].tolist() == [
        13 / 16,
        11 / 16,
    ]
    codes = np.linalg.norm(observations[:, -4:], axis=1).reshape(2, -1)
    assert np.allclose(codes, rank < np.array([[3], [5]]), atol=1e-5)


def test_counts_are_masked_to_what_remains(generator) -> None:
    for action, repeat in (("count", 1), ("count+cfg", 3), ("count+positions", 1)):
        task = make(generator, action=action)
        env = task.vec_env([0.0], 2, seed=0)
        observations = env.reset()
        assert task.legal_actions(observations).all()
        take = np.array([7, 6]) * repeat
        if action == "count+positions":
            take = np.concatenate([take[:, None], np.tile(np.arange(16), (2, 1))], axis=1)
        env.step(take)
        legal = task.legal_actions(env._observe())
        assert legal[:, : 8 * repeat].all(axis=0).all()  # 8 and 9 remain
        env.step(take)  # env 0 ends and begins anew
        legal = task.legal_actions(env._observe())
        assert (
            legal[0].all() and legal[1, : 8 * repeat].tolist() == [True] * 2 * repeat + [False] * 6 * repeat
        )
        if action == "count+positions":
            assert legal[1, 8:].tolist() == [False] * 14 + [True] * 2


def test_more_than_remains_takes_what_remains(task: ARPGTask) -> None:
    env = task.vec_env([0.0], 1, seed=0)
    env.reset()
    for _ in range(2):
        env.step(np.array([6]))
    _, _, dones, infos = env.step(np.array([7]))
    assert dones[0] and infos[0]["count"] == 2 and infos[0]["metrics"]["steps"] == 3
    assert infos[0]["terminal_observation"][0].all()


def test_ranked_positions(generator) -> None:
    env = make(generator, action="count+positions").vec_env([0.0], 1, seed=0)
    env.reset()
    ranking = np.array([9, 3, 14, *(i for i in range(16) if i not in (3, 9, 14))])
    observations = env.step(np.array([[2, *ranking]]))[0]
    assert np.flatnonzero(observations[0, 0]).tolist() == [3, 9, 14]
    observations = env.step(np.array([[1, *ranking]]))[0]  # known positions are passed over
    assert np.flatnonzero(observations[0, 0]).tolist() == [0, 1, 3, 9, 14]


def test_guidance_of_a_step(generator) -> None:
    task = make(generator, action="count+cfg", guidances=(0.0, 1.0, 4.0))
    plain, outcomes = make(generator), []
    for index in (0, 1, 2):
        env = task.vec_env([0.5], 4, seed=5)
        env.reset()
        env.step(np.full(4, 3 * 3 + index))
        outcomes.append(env.state.tokens)
    env = plain.vec_env([0.5], 4, seed=5)
    env.reset()
    env.step(np.full(4, 3))
    assert torch.equal(outcomes[1], env.state.tokens)
    assert not torch.equal(outcomes[0], outcomes[2])


def test_envs_equal_single_envs(generator) -> None:
    for lookahead in (True, False):
        task = make(generator, lookahead=lookahead)
        together = task.vec_env([0.0, 0.5, 1.0], 3, seed=7)
        alone = [SingleEnv(task.vec_env([level], 1, seed=0)) for level in (0.0, 0.5, 1.0)]
        first = together.reset()
        for i, env in enumerate(alone):
            np.testing.assert_allclose(env.reset(seed=7 + i)[0], first[i], atol=1e-4)
        rng = np.random.default_rng(0)
        for _ in range(12):  # several episodes, ended at different times
            actions = rng.integers(8, size=3)
            observations, rewards, dones, infos = together.step(actions)
            for i, env in enumerate(alone):
                seen, reward, terminated, _, info = env.step(actions[i])
                assert (reward, terminated, info["count"]) == (rewards[i], dones[i], infos[i]["count"])
                if terminated:
                    np.testing.assert_allclose(seen, infos[i]["terminal_observation"], atol=1e-4)
                    seen, _ = env.reset()
                np.testing.assert_allclose(seen, observations[i], atol=1e-4)


def test_equal_seeds_begin_alike_and_go_on_alike(task: ARPGTask) -> None:
    env = task.vec_env([0.0], 4, seed=1)
    env._seeds = [3, 3, 4, 3]
    observations = env.reset()
    assert np.array_equal(observations[0], observations[1]) and not np.array_equal(
        observations[0], observations[2]
    )
    env.step(np.array([2, 2, 2, 5]))
    tokens = env.state.tokens
    assert torch.equal(tokens[0], tokens[1])
    assert env.labels[0] == env.labels[1] == env.labels[3]


def test_levels(task: ARPGTask) -> None:
    assert (ARPGLevel.at(0.0), ARPGLevel.at(1.0)) == (ARPGLevel(0.0, 2.5), ARPGLevel(1.0, 5.0))
    env = task.vec_env([0.0, 1.0], 60, seed=0)
    env.reset()
    assert set(env.labels[::2]) <= set(range(7)) and set(env.labels[1::2]) == {7, 8, 9}
    assert env.state.cfg.tolist() == [2.5, 5.0] * 30
    half = task.vec_env([0.5], 60, seed=0)
    half.reset()
    assert 0.25 < (half.labels >= 7).mean() < 0.75


def test_class_by_options(task: ARPGTask) -> None:
    env = task.vec_env([0.0], 2, seed=0)
    env.set_options({"class": 8})
    env.reset()
    assert env.labels.tolist() == [8, 8] and env.state.labels.tolist() == [8, 8]
    for bad in (10, -1, "cat"):
        env.set_options({"class": bad})
        with pytest.raises(UserError, match="unknown class"):
            env.reset()


def test_reward_and_metrics_at_the_end(task: ARPGTask) -> None:
    env = task.vec_env([0.0], 32, seed=0)
    env.reset()
    assert not env.step(np.full(32, 7))[1].any()
    labels = env.labels.copy()
    images = task.generator.decode(task.generator.step(env.state, 8))
    _, rewards, dones, infos = env.step(np.full(32, 7))
    assert dones.all()
    right = task.classifier(images * 2 - 1).argmax(1).numpy() == labels
    assert np.array_equal(rewards, right) and 0 < right.mean() < 1
    assert [i["metrics"]["recognised"] for i in infos] == right.tolist()
    assert [i["is_success"] for i in infos] == right.tolist() and infos[0]["metrics"]["class"] == labels[0]


def test_state_goes_on_exactly(task: ARPGTask) -> None:
    env, other = (task.vec_env([0.0, 1.0], 4, seed=s) for s in (0, 9))
    env.reset(), other.reset()
    rng = np.random.default_rng(1)
    for _ in range(5):
        env.step(rng.integers(8, size=4))
    other.set_state(env.get_state())
    for _ in range(6):
        actions = rng.integers(8, size=4)
        one, two = env.step(actions), other.step(actions)
        assert all(np.array_equal(a, b) for a, b in zip(one[:3], two[:3], strict=True))


def test_single_env_keeps_the_rules(task: ARPGTask) -> None:
    check_env(SingleEnv(task.vec_env([0.5], 1, seed=0)), skip_render_check=True)


def test_schedules_by_hand(task: ARPGTask, generator) -> None:
    assert task.hand_counts() == [2, 3, 5, 6] and task.hand_counts("uniform", 2) == [8, 8]
    assert task.schedules()["cosine 4"] == [1, 2, 4, 5]
    assert make(generator, action="count+cfg").schedules()["cosine 4"] == [4, 7, 13, 16]
    assert "front 4" not in make(generator, max_parallel=5).schedules()


def test_pictures(task: ARPGTask) -> None:
    class Half:
        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            return np.array([3, 7] * (len(observation) // 2)), state

    images = task.watch(Half(), 2)
    assert images.shape == (2, 4, 2, 1, 32, 32)
    assert images[0, :, 1].mean((1, 2, 3)).tolist() == [0.25, 0.5, 0.75, 1.0]
    assert np.array_equal(images[1, 1], images[1, 3])  # complete after two steps
    assert strips(images).shape == (2 * 2 * (2 * 32 + 4), 2 * (4 * 32 + 4), 3)


def test_refusals(generator) -> None:
    with pytest.raises(UserError, match="classes are 0 to 9"):
        make(generator, unseen_classes=[12])
    with pytest.raises(UserError, match="must be left"):
        make(generator, unseen_classes=range(10))
    with pytest.raises(UserError, match="guidances"):
        make(generator, guidances=[])
    with pytest.raises(UserError, match="arpg_digits"):
        make(presets.load_var())

"""The pruning env on the shipped generator: exactness, pairing with reference images, batching, state."""

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from rlsuite.core.errors import UserError
from rlsuite.envs.common.vec_env import SingleEnv
from rlsuite.envs.var.task import VARTask
from rlsuite.envs.var.vec_env import VARLevel
from rlsuite.generators.scorers.classifier import digit_classifier
from rlsuite.generators.var import presets
from rlsuite.metrics import psnr
from rlsuite.rewards.gated import Gated


@pytest.fixture(scope="module")
def generator():
    return presets.load_var()


@pytest.fixture(scope="module")
def task(generator) -> VARTask:
    return VARTask(reward=Gated(), generator=generator, classifier=digit_classifier(), pool=32)


def episode(env, actions):
    """Play one episode; return rewards (T, n) and the infos of every step."""
    steps = [env.step(a) for a in actions]
    return np.stack([s[1] for s in steps]), [s[3] for s in steps]


def test_reset_shows_real_features_and_the_scale(task: VARTask) -> None:
    observations = task.vec_env([0.0], 4, seed=0).reset()
    assert observations.shape == (4, task.generator.vae.config.z_channels + 1, 8, 8)
    assert (np.abs(observations[:, :-1]).max(axis=(1, 2, 3)) > 0).all()
    assert np.allclose(observations[:, -1], task.first_decision / (task.generator.n_scales - 1))


def test_up_to_the_cache_scale_a_ratio_prunes_nothing(task: VARTask) -> None:
    env = task.vec_env([0.0], 2, seed=0)
    env.reset()
    _, infos = episode(env, [np.full((2, 1), 0.5, np.float32)] * task.n_decisions)
    assert [step[0]["kept_tokens"] for step in infos] == [4, 9, 16, 18, 32]


def test_one_step_is_one_scale(task: VARTask) -> None:
    env = task.vec_env([0.0], 2, seed=0)
    env.reset()
    _, infos = episode(env, [np.zeros((2, 1), np.float32)] * task.n_decisions)
    assert [step[0]["scale_index"] for step in infos] == list(
        range(task.first_decision, task.generator.n_scales)
    )
    assert "terminal_observation" in infos[-1][0]
    for key in ("scale_index", "prune_ratio", "quality_score", "speed_score", "flops_saved", "reward"):
        assert key in infos[0][0]


def test_pruning_nothing_gives_the_golden_image(task: VARTask) -> None:
    env = task.vec_env([0.0], 4, seed=1)
    env.reset()
    rewards, infos = episode(env, [np.zeros((4, 1), np.float32)] * task.n_decisions)
    assert (np.array([i["psnr"] for i in infos[-1]]) > 55).all()
    assert np.allclose(rewards, 0)
    assert all(i["metrics"]["flops_saved"] == 0 for i in infos[-1])


def test_return_is_final_quality_times_saving(task: VARTask) -> None:
    env = task.vec_env([0.0, 0.5, 1.0], 6, seed=2)
    env.reset()
    rng = np.random.default_rng(0)
    rewards, infos = episode(env, rng.random((task.n_decisions, 6, 1)).astype(np.float32))
    for index in range(6):
        metrics = infos[-1][index]["metrics"]
        quality = task.reward.quality(np.array(metrics["psnr"]))
        assert rewards[:, index].sum() == pytest.approx(float(quality) * metrics["flops_saved"], abs=1e-5)


def test_ratio_one_skips_the_scale(task: VARTask) -> None:
    env = task.vec_env([0.0], 2, seed=3)
    before = env.reset()
    after, _, _, infos = env.step(np.ones((2, 1), np.float32))
    assert np.array_equal(after[:, :-1], before[:, :-1])
    assert infos[0]["kept_tokens"] == 0
    assert infos[0]["speed_score"] == pytest.approx(1.0)
    _, _, _, infos = env.step(np.full((2, 1), 0.96, np.float32))  # above skip_above
    assert infos[0]["prune_ratio"] == 1.0


def test_envs_equal_single_envs(task: VARTask) -> None:
    """A index's image depends on its condition and actions alone, not on who is in the batch."""
    env = task.vec_env([0.0], 3, seed=4)
    env.set_options([{"condition": k} for k in (3, 9, 20)])
    env.reset()
    actions = np.random.default_rng(1).random((task.n_decisions, 3, 1)).astype(np.float32)
    rewards, infos = episode(env, actions)
    for index, condition in enumerate((3, 9, 20)):
        single = SingleEnv(task.vec_env([0.0], 1, seed=4))
        single.reset(seed=4, options={"condition": condition})
        for t in range(task.n_decisions):
            _, reward, _, _, info = single.step(actions[t, index])
            assert reward == pytest.approx(float(rewards[t, index]), abs=1e-4)
            assert info["kept_tokens"] == infos[t][index]["kept_tokens"]


def test_same_seed_same_conditions_other_seed_others(task: VARTask) -> None:
    def labels_and_observation(seed: int):
        env = task.vec_env([0.5], 16, seed=seed)
        observation = env.reset()
        return env.labels, observation

    a, b, c = (labels_and_observation(seed) for seed in (5, 5, 6))
    assert np.array_equal(a[0], b[0])
    assert np.array_equal(a[1], b[1])
    assert not np.array_equal(a[1], c[1])


def test_levels_decide_classes_and_guidance(task: VARTask) -> None:
    assert VARLevel.at(0.0) == VARLevel(0.0, 1.5)
    assert VARLevel.at(1.0) == VARLevel(1.0, 4.0)
    for level, wanted in ((0.0, set(range(7))), (1.0, {7, 8, 9})):
        env = task.vec_env([level], 64, seed=0)
        env.reset()
        assert set(env.labels) <= wanted
        assert torch.allclose(env.state.cfg, torch.tensor(1.5 + 2.5 * level))


def test_state_round_trip_continues_exactly_mid_episode(task: VARTask) -> None:
    first, second = task.vec_env([0.0], 4, seed=7), task.vec_env([0.0], 4, seed=8)
    first.reset(), second.reset()
    rng = np.random.default_rng(2)
    first.step(rng.random((4, 1)).astype(np.float32))
    second.set_state(first.get_state())
    for _ in range(2 * task.n_decisions):
        actions = rng.random((4, 1)).astype(np.float32)
        for a, b in zip(first.step(actions)[:3], second.step(actions)[:3], strict=True):
            assert np.array_equal(a, b)


def test_single_env_passes_gymnasiums_check(task: VARTask) -> None:
    check_env(SingleEnv(task.vec_env([0.0], 1, seed=0)), skip_render_check=True)


def test_impossible_first_decision_is_refused(generator) -> None:
    with pytest.raises(UserError, match=r"env\.decide_from=5 is no scale"):
        VARTask(reward=Gated(), generator=generator, decide_from=5)


def test_no_class_or_every_class_unseen(generator) -> None:
    for unseen in ([77], range(10)):
        with pytest.raises(UserError, match=r"env\.unseen_classes"):
            VARTask(reward=Gated(), generator=generator, unseen_classes=unseen)
    env = VARTask(reward=Gated(), generator=generator, unseen_classes=[], pool=32).vec_env([1.0], 2, seed=0)
    env.reset()


def test_psnr_by_hand() -> None:
    reference = np.zeros((2, 1, 2, 2))
    images = np.stack([np.full((1, 2, 2), 0.1), np.zeros((1, 2, 2))])
    assert psnr(images, reference) == pytest.approx(
        [20.0, 60.0]
    )  # 10 log10(1 / .01); equal images hit the cap


def test_pictures_are_rgb_and_leave_no_trace(task: VARTask) -> None:
    from rlsuite.algos.fastvar import FastVAR
    from rlsuite.techniques.baseline import Baseline

    agent = FastVAR(task=task, technique=Baseline(), seed=0)
    picture = task.pictures(agent)["golden_above_pruned"]
    assert picture.dtype == np.uint8
    assert picture.shape == (2 * 4 * (64 + 4), 2 * 2 * (task.n_decisions * 32 + 4), 3)
    assert np.array_equal(picture, task.pictures(agent)["golden_above_pruned"])


def test_several_images_are_one_episode(task: VARTask, generator) -> None:
    double = VARTask(
        reward=Gated(), generator=generator, classifier=task.classifier, pool=32, images_per_episode=2
    )
    one, two = task.vec_env([0.0], 3, seed=5), double.vec_env([0.0], 3, seed=5)
    assert np.array_equal(one.reset(), two.reset())
    rng = np.random.default_rng(3)
    actions = rng.random((2 * task.n_decisions, 3, 1)).astype(np.float32)
    single, dones, ends = [], [], []
    for t, action in enumerate(actions):
        a, b = one.step(action), two.step(action)
        assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])
        dones.append(b[2].all())
        if a[2].all():
            single.append([info["metrics"] for info in a[3]])
            ends.append(b[3])
        if t == 6:
            copy = double.vec_env([0.0], 3, seed=9)
            copy.reset()
            copy.set_state(two.get_state())
            two = copy
    assert dones == [False] * (2 * task.n_decisions - 1) + [True]
    for env in range(3):
        means = {k: (single[0][env][k] + single[1][env][k]) / 2 for k in single[0][env]}
        assert ends[1][env]["metrics"] == pytest.approx(means)


def test_golden_images_on_disk(task: VARTask, generator, tmp_path) -> None:
    from rlsuite.envs.common.reference_images import ReferenceImages

    conditions = [task.pool.block(0, k, 0.0, 1.5) for k in range(3)]
    made = ReferenceImages(generator, folder=str(tmp_path)).block(("a",), conditions[0])
    asleep = ReferenceImages(generator, folder=str(tmp_path))
    asleep._generate = None  # type: ignore[method-assign]  # what is on disk is not made again
    assert np.array_equal(asleep.block(("b",), conditions[0]), made)
    size = next(tmp_path.glob("*.npy")).stat().st_size
    small = ReferenceImages(generator, folder=str(tmp_path), limit_gb=2.5 * size / 1e9)
    for k in (1, 2):
        small.block((k,), conditions[k])
    assert len(list(tmp_path.iterdir())) == 2
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(
        ReferenceImages(generator, folder=str(tmp_path)).block((2,), conditions[2]),
        small.block((2,), conditions[2]),
    )
    assert generator.fingerprint() != presets.load_var(top_k=3).fingerprint()


def test_quality_by_other_measures(generator) -> None:
    classifier = digit_classifier()
    reward = Gated(measure="feature_distance", lo=1.0, hi=0.0)
    env = VARTask(reward=reward, generator=generator, classifier=classifier, pool=32).vec_env(
        [0.0], 8, seed=0
    )
    env.reset()
    _, infos = episode(env, [np.full((8, 1), 0.5, np.float32)] * 5)
    metrics = infos[-1][0]["metrics"]
    assert metrics["quality"] == pytest.approx(1 - metrics["feature_distance"])
    assert 0 < metrics["ssim"] < 1 and metrics["frechet"] > 0
    with pytest.raises(UserError, match=r"reward\.measure=lpips needs .*alex\.pth"):
        VARTask(reward=Gated(measure="lpips", lo=0.6, hi=0.0), generator=generator)
    with pytest.raises(UserError, match="feature_distance needs a classifier"):
        VARTask(reward=reward, generator=generator)


def test_guidance_of_the_levels(generator) -> None:
    env = VARTask(reward=Gated(), generator=generator, guidance=(0.0, 2.0), pool=32).vec_env([0.5], 2, seed=0)
    env.reset()
    assert env.state.cfg.tolist() == [1.0, 1.0]


def test_judging_finished_images_alone_gives_the_same_returns(task: VARTask, generator) -> None:
    rare = VARTask(reward=Gated(), generator=generator, classifier=task.classifier, pool=32, judged="last")
    often, seldom = task.vec_env([0.0], 4, seed=6), rare.vec_env([0.0], 4, seed=6)
    often.reset(), seldom.reset()
    actions = list(np.random.default_rng(4).random((task.n_decisions, 4, 1)).astype(np.float32))
    (a, told), (b, little) = episode(often, actions), episode(seldom, actions)
    assert a.sum(axis=0) == pytest.approx(b.sum(axis=0), abs=1e-6)
    assert not b[:-1].any() and b[-1].any()
    shared = little[-1][0]["metrics"]
    assert {k: told[-1][0]["metrics"][k] for k in shared} == pytest.approx(shared)
    assert set(told[-1][0]["metrics"]) - set(shared) == {f"psnr_{s}x{s}" for s in (2, 3, 4, 6)}

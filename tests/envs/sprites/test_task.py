"""The sprites' env: motion by hand, pixels by hand, the published horizon and the marks that simple policies set."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rlsuite.config.compose import compose
from rlsuite.config.validate import find_problems
from rlsuite.envs.common.vec_env import SingleEnv
from rlsuite.envs.sprites.task import STEPS, Sprites, SpritesLevel, SpritesVecEnv
from rlsuite.representation import sprites
from rlsuite.rewards.env import EnvReward


def make(n_envs: int = 1, levels: tuple[float, ...] = (0.0,), seed: int = 0, **settings) -> SpritesVecEnv:
    env = Sprites(reward=EnvReward(), **settings).vec_env(levels, n_envs, seed)
    env.reset()
    return env


def drawing(shape: str, side: int = 12) -> list[str]:
    return ["".join(".#"[int(pixel)] for pixel in row) for row in sprites.stencil(shape, side)]


def test_motion_by_hand() -> None:
    """Free flight; a wall at .1 and one at .9 mirror place and speed, each axis for itself."""
    positions = np.array([[0.5, 0.5], [0.12, 0.88], [0.11, 0.5]])
    velocities = np.array([[0.05, -0.03], [-0.03, 0.05], [-0.01, 0.0]])
    after, speed = sprites.move_sprites(positions, velocities)
    assert np.allclose(after, [[0.55, 0.47], [0.11, 0.87], [0.10, 0.5]])
    assert np.allclose(speed, [[0.05, -0.03], [0.03, -0.05], [-0.01, 0.0]])


def test_sprites_by_hand() -> None:
    assert drawing("circle", 9) == [
        ".........",
        "....#....",
        "..#####..",
        "..#####..",
        ".#######.",
        "..#####..",
        "..#####..",
        "....#....",
        ".........",
    ]
    assert drawing("square", 6) == ["......", ".####.", ".####.", ".####.", ".####.", "......"]
    assert drawing("right", 6) == ["......", ".##...", ".####.", ".####.", ".##...", "......"]
    assert drawing("bottom", 6) == ["......", ".####.", ".####.", "..##..", "..##..", "......"]
    assert drawing("left", 6) == ["......", "...##.", ".####.", ".####.", "...##.", "......"]
    assert drawing("top", 6) == ["......", "..##..", "..##..", ".####.", ".####.", "......"]
    assert [int(sprites.stencil(shape, 12).sum()) for shape in sprites.SHAPES] == [49, 100, 60, 60, 60, 60]


def test_a_picture_by_hand() -> None:
    """Index 0 is the row: an agent at (.5, .25), pixel (31, 15), and a target at (.9, .1), pixel (56, 6)."""
    positions = np.array([[[0.5, 0.25], [0.9, 0.1], [0.5, 0.5]]])
    (frame,) = sprites.draw_sprites(positions, np.array([[0, 1, 2]]), np.array([[True, True, False]]))[:, 0]
    expected = np.zeros((64, 64), dtype=np.uint8)
    expected[25:37, 9:21][sprites.stencil("circle", 12)] = 255
    expected[51:61, 1:11] = 255
    assert np.array_equal(frame, expected)
    assert frame[31, 19] == 255 and frame[31, 20] == 0 and frame[35, 15] == 255 and frame[36, 15] == 0


def test_pictures_show_the_states() -> None:
    env = make(50, (0.0, 0.5, 1.0), observation="image", seed=3)
    twin = make(50, (0.0, 0.5, 1.0), seed=3)
    rng = np.random.default_rng(0)
    for _ in range(3):
        actions = rng.uniform(-1, 1, (50, 2))
        pictures, states = env.step(actions)[0], twin.step(actions)[0]
    assert pictures.shape == (50, 2, 64, 64) and states.shape == (50, 9)
    assert (pictures[:, 1] == round(255 * 3 / 40)).all() and np.allclose(states[:, 8], 3 / 40)
    for index in range(50):
        slow = np.zeros((64, 64), dtype=np.uint8)
        side = int(twin.bodies[2, index] * 64 + 1e-9)
        for i, (row, column) in enumerate(np.floor(twin.positions[index] * 63).astype(int)):
            if i < 2 + twin.bodies[0, index]:
                box = slow[row - side // 2 :, column - side // 2 :][:side, :side]
                box[sprites.stencil(sprites.SHAPES[twin.shapes[index, i]], side)] = 255
        assert np.array_equal(pictures[index, 0], slow)


def test_absent_objects_are_zeros() -> None:
    env = make(3, (0.0, 0.5, 1.0))
    places = env._observe()[:, :8].reshape(3, 4, 2)
    assert ((places > 0).all(axis=2) == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]).all()


def test_levels() -> None:
    assert SpritesLevel.at(0.0) == SpritesLevel(0, 0.05, 0.2)
    top = SpritesLevel.at(1.0)
    assert (top.distractors, top.speed, top.size) == (2, pytest.approx(0.075), pytest.approx(0.15))
    assert [int(SpritesLevel.at(level).distractors) for level in (0.25, 0.5, 0.75, 1.0)] == [0, 1, 1, 2]
    assert [int(SpritesLevel.at(level, 1).distractors) for level in (0.0, 0.5, 1.0)] == [1, 2, 2]
    assert SpritesLevel.at(1.0, 0, "distractors") == SpritesLevel(2, 0.05, 0.2)


def test_an_episode_is_forty_steps_and_then_over_for_good() -> None:
    env = make(2)
    for step in range(1, STEPS + 1):
        _, _, dones, infos = env.step(np.zeros((2, 2)))
        assert dones.all() == (step == STEPS)
    assert not infos[0]["TimeLimit.truncated"]
    assert infos[0]["terminal_observation"][-1] == 1.0
    assert (env._observe()[:, -1] == 0).all()


@pytest.mark.parametrize("goal", ["follow", "repel"])
def test_reward_by_hand(goal: str) -> None:
    """Apart by (.3, .4), that is .5, after the agent's own move; a faster action is a full one."""
    env = make(1, goal=goal, shift="distractors")
    env.positions[0, :2] = [[0.2, 0.3], [0.55, 0.7]]
    env.velocities[0, 1] = 0
    rewards = env.step(np.array([[5.0, 0.0]]))[1]
    assert rewards[0] == pytest.approx(1 - 0.5 / np.sqrt(2) if goal == "follow" else 0.5 / np.sqrt(2))


def towards(env: SpritesVecEnv, goals: np.ndarray) -> np.ndarray:
    return (goals - env.positions[:, 0]) / sprites.SPEED


def next_place(env: SpritesVecEnv) -> np.ndarray:
    return sprites.move_sprites(env.positions[:, 1], env.velocities[:, 1])[0]


@pytest.mark.parametrize(
    ("policy", "mark", "margin"),
    [
        (lambda env, rng: rng.uniform(-1, 1, (env.num_envs, 2)), 28.2, 0.3),
        (lambda env, rng: towards(env, np.full((env.num_envs, 2), 0.5)), 31.2, 0.2),
        (lambda env, rng: towards(env, env.positions[:, 1]), 37.96, 0.15),
        (lambda env, rng: towards(env, next_place(env)), 38.85, 0.15),
    ],
    ids=["random", "centre", "greedy-current", "greedy-next"],
)
def test_simple_policies_score_as_known(policy, mark: float, margin: float) -> None:
    """The bars of 2,000 episodes' means; 4,000 here, whose standard errors are at most .054."""
    env, rng = make(4000), np.random.default_rng(0)
    total = np.sum([env.step(policy(env, rng))[1] for _ in range(STEPS)], axis=0)
    assert total.mean() == pytest.approx(mark, abs=margin)


def test_state_round_trip_continues_exactly() -> None:
    first, second = (make(4, (0.0, 1.0), seed, observation="image") for seed in (1, 2))
    rng = np.random.default_rng(0)
    for _ in range(30):
        first.step(rng.uniform(-1, 1, (4, 2)))
    second.set_state(first.get_state())
    for _ in range(60):
        actions = rng.uniform(-1, 1, (4, 2))
        a, b = first.step(actions), second.step(actions)
        assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) and np.array_equal(a[2], b[2])


@pytest.mark.parametrize("observation", ["state", "image"])
def test_a_env_equals_a_single_env(observation: str) -> None:
    envs = make(3, (1.0,), 7, observation=observation)
    single = SingleEnv(make(1, (1.0,), observation=observation))
    check_env(single, skip_render_check=True)
    seen, expected = single.reset(seed=9)[0], envs.reset()
    rng = np.random.default_rng(0)
    envs.seed(7)
    expected = envs.reset()
    for _ in range(STEPS - 1):
        assert np.array_equal(seen, expected[2])
        actions = rng.uniform(-1, 1, (3, 2)).astype(np.float32)
        seen, expected = single.step(actions[2])[0], envs.step(actions)[0]


def test_pictures_are_for_picture_networks() -> None:
    assert not find_problems(compose(["env=sprites", "env.observation=image", "algo.network=nature"]))
    assert "algo.network=nature" in find_problems(compose(["env=sprites", "algo.network=nature"]))[0]


@pytest.mark.parametrize("goal", ["follow", "repel"])
def test_score_range_is_declared_for_both_goals(goal: str) -> None:
    task = Sprites(reward=EnvReward(), goal=goal)
    for level in (0.0, 0.4, 1.0):
        floor, reference = task.score_range(level)
        assert floor + 5 < reference
    assert Sprites(reward=EnvReward(), shift="distractors").score_range(1.0) == (28.24, 38.87)


def test_equal_seeds_begin_alike_and_go_on_alike() -> None:
    env = Sprites(reward=EnvReward(), distractors=1).vec_env([0.0], 4, seed=0)
    env.reset()
    env.step(np.zeros((4, 2), np.float32))
    seen = env.restart([7, 8, 7, 8])
    assert np.array_equal(seen[:2], seen[2:]) and not np.array_equal(seen[0], seen[1])
    actions = np.tile(np.random.default_rng(0).uniform(-1, 1, (40, 2, 2)), (1, 2, 1)).astype(np.float32)
    for action in actions:
        seen, rewards, _, _ = env.step(action)
        assert np.array_equal(rewards[:2], rewards[2:])
    assert not np.array_equal(rewards[:2], rewards[:2][::-1])

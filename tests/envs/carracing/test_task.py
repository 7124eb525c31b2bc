"""CarRacing: Gymnasium's own env where it is judged, its picture on the cheap where it is learnt; levels, exact states."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rlsuite.config.compose import compose
from rlsuite.config.validate import find_problems
from rlsuite.envs.carracing.patch import PatchRenderer, _share, shrink, zoom_at
from rlsuite.envs.carracing.physics import Track, follow_road
from rlsuite.envs.carracing.task import CarRacing, CarRacingLevel, CarRacingVecEnv, beside, controls
from rlsuite.envs.common.vec_env import SingleEnv
from rlsuite.experiment.rollouts import evaluate_level
from rlsuite.rewards.env import EnvReward


def make(n_envs: int = 2, levels: tuple[float, ...] = (0.0,), seed: int = 0, **settings) -> CarRacingVecEnv:
    return CarRacing(reward=EnvReward(), **settings).vec_env(levels, n_envs, seed)


def driven(seed: int, frames: int) -> Track:
    track = Track()
    track.begin(seed, 1.0, 0.0)
    for _ in range(frames):
        track.step(controls(follow_road(track)[None])[0])
    return track


@pytest.mark.parametrize("action", ["wheel", "discrete"])
def test_stock_at_level_zero_is_gymnasiums_env(action: str) -> None:
    """Pictures, rewards and ends equal those of gymnasium.make, frame by frame, on two tracks."""
    env = make(action=action, renderer="stock", frame_stack=1, side=96, patience=None)
    seen = env.reset()
    peers = [gymnasium.make("CarRacing-v3", continuous=action == "wheel") for _ in range(2)]
    expected = [peer.reset(seed=int(seed))[0] for peer, seed in zip(peers, env.seeds, strict=True)]
    rng = np.random.default_rng(0)
    for _ in range(16):
        for index in range(2):
            assert np.array_equal(seen[index, 0], shrink(expected[index], 96))
        if action == "wheel":
            actions = np.stack([rng.normal(0, 0.3, 2), [0.5, 0.6]], axis=1).astype(np.float32)
            given = [np.array([w, max(p, 0), max(-p, 0)], np.float32) for w, p in actions]
        else:
            actions = rng.integers(5, size=2)
            given = [int(a) for a in actions]
        seen, rewards, dones, _ = env.step(actions)
        for index, peer in enumerate(peers):
            total = 0.0
            for _ in range(4):
                expected[index], reward, terminated, truncated, _ = peer.step(given[index])
                total += reward
            assert rewards[index] == np.float32(total)
            assert dones[index] == (terminated or truncated)


@pytest.mark.parametrize("side", [48, 96])
def test_patch_shows_the_road_where_gymnasium_does(side: int) -> None:
    """Road masks agree, intersection over union >= .9 on each of 6 tracks, and greys are near."""
    for seed in range(6):
        both, either, apart = 0, 0, []
        track, patches = driven(seed, 40), PatchRenderer(1, side)
        patches.lay(0, track)
        for _ in range(4):
            for _ in range(15):
                track.step(controls(follow_road(track)[None])[0])
            ours, theirs = patches.draw(np.array([0]), [track])[0], shrink(track.picture(), side)
            a, b = (np.abs(p[: -side // 8].astype(int) - 102) <= 25 for p in (ours, theirs))
            both, either = both + (a & b).sum(), either + (a | b).sum()
            apart.append(np.abs(ours.astype(float) - theirs).mean())
        assert both / either >= 0.9
        assert np.mean(apart) < 5


def test_patch_zooms_in_as_gymnasium_does() -> None:
    """The first second: from all of the field to the car; its greys stay near, on another colour of the world too."""
    assert zoom_at(0) == pytest.approx(0.6) and zoom_at(50) == zoom_at(80) == pytest.approx(16.2)
    track, patches = Track(), PatchRenderer(1, 96)
    track.begin(3, 1.0, 1.0)
    patches.lay(0, track)
    for _ in range(50):
        track.step(np.array([0.3, 0.5, 0], np.float32))
        ours, theirs = patches.draw(np.array([0]), [track])[0], shrink(track.picture(), 96)
        assert np.abs(ours.astype(float) - theirs).mean() < 8


def test_indicators_show_speed_and_steering() -> None:
    """The bar's pixels are those of Gymnasium within the edge of one: speed, wheels, steering, turning."""
    track, patches = driven(1, 120), PatchRenderer(1, 48)
    patches.lay(0, track)
    for wheel in (-0.9, 0.0, 0.9):
        for _ in range(8):
            track.step(np.array([wheel, 0.5, 0], np.float32))
        ours, theirs = patches.draw(np.array([0]), [track])[0, 42:], shrink(track.picture(), 48)[42:]
        assert np.abs(ours.astype(int) - theirs).max() <= 40
        assert ours.sum() == pytest.approx(theirs.sum(), rel=0.25)


def test_areas_by_hand() -> None:
    assert _share(np.array([0.5]), np.array([2.25]), 4).tolist() == [0.5, 1.0, 0.25, 0.0]
    assert _share(np.array([2.25]), np.array([0.5]), 4).tolist() == [0.5, 1.0, 0.25, 0.0]


def test_shrink_by_hand() -> None:
    """Means of 2x2 pixels in grey; the corner of the score's digits is black."""
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[0, :2] = 100, 200, 50
    picture[90:, :] = 255
    small = shrink(picture, 48)
    assert small[0, 0] == round((0.299 * 100 + 0.587 * 200 + 0.114 * 50) / 2)
    assert (small[45:, 6:] == 255).all() and not small[42:, :6].any()


def test_controls_by_hand() -> None:
    given = controls(np.array([[0.5, 0.25], [-2.0, -0.5]]))
    assert np.allclose(given, [[0.5, 0.25, 0.0], [-1.0, 0.0, 0.5]])
    assert np.allclose(controls(np.arange(5))[1:, 0], [0.6, -0.6, 0, 0])


@pytest.mark.parametrize(
    "settings", [{}, {"patience": 12, "tracks": 3}, {"renderer": "stock", "patience": 12}]
)
def test_state_round_trip_continues_exactly(settings: dict) -> None:
    first, second = (make(2, (0.0, 1.0), seed, **settings) for seed in (1, 2))
    first.reset()
    rng = np.random.default_rng(0)
    for _ in range(9):
        first.step(rng.uniform(-1, 1, (2, 2)))
    second.set_state(first.get_state())
    ends = 0
    for _ in range(9):
        actions = rng.uniform(-1, 1, (2, 2))
        a, b = first.step(actions), second.step(actions)
        assert all(np.array_equal(one, other) for one, other in zip(a[:3], b[:3], strict=True))
        ends += a[2].sum()
    assert (ends > 0) == ("patience" in settings)


def test_levels() -> None:
    assert CarRacingLevel.at(0.0) == CarRacingLevel() and CarRacingLevel.at(1.0) == CarRacingLevel(
        pytest.approx(0.6), 1.0
    )
    assert CarRacingLevel.at(1.0, "friction").colours == CarRacingLevel.at(1.0, "tracks").colours == 0
    assert CarRacingLevel.at(1.0, "colours").friction == CarRacingLevel.at(1.0, "tracks").friction == 1
    env = make(3, (0.0, 0.5, 1.0))
    env.reset()
    assert [track.road[5].road_friction for track in env.tracks] == pytest.approx([1.0, 0.8, 0.6])
    assert env.tracks[0].road_color.tolist() == [102] * 3 and env.tracks[0].grass_color.tolist() == [
        102,
        230,
        102,
    ]
    assert all(track.road_color.tolist() != [102] * 3 for track in env.tracks[1:])


def test_level_zero_has_so_many_tracks_and_no_other_level_has_them() -> None:
    env = make(8, (0.0, 1.0), tracks=2, shift="tracks")
    env.reset()
    starts = [tuple(np.round(track.track[20], 6)) for track in env.tracks]
    assert len(set(starts[::2])) <= 2 and len(set(starts[1::2])) == 4
    assert not set(starts[::2]) & set(starts[1::2])
    (problem,) = find_problems(compose(["env=carracing", "env.shift=tracks"]))
    assert "take env.tracks=20" in problem


def test_episodes_that_stand_still_are_cut_where_one_learns_only() -> None:
    task = CarRacing(reward=EnvReward(), judged="patch", patience=20)
    env = task.vec_env([0.0], 1, 0)
    env.reset()
    ends = [env.step(np.zeros((1, 2)))[2:] for _ in range(6)]
    assert [bool(dones[0]) for dones, _ in ends].index(True) in (4, 5)  # the first tiles are new
    assert [infos[0]["TimeLimit.truncated"] for dones, infos in ends if dones[0]] == [True]
    judged = task.evaluation_task()
    assert (judged.patience, judged.renderer, judged.evaluation_task().renderer) == (None, "patch", "patch")
    assert CarRacing(reward=EnvReward()).evaluation_task().renderer == "stock"


class Still:
    """Does nothing."""

    action_space = CarRacing(reward=EnvReward()).vec_env([0.0], 1, 0).action_space

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return np.zeros((len(observation), 2), np.float32), None


def test_evaluations_are_whole_episodes_of_the_judged_task() -> None:
    """1000 frames at .1 less each, and the tiles it stands on; though episodes one learns on would be cut."""
    task = CarRacing(reward=EnvReward(), judged="patch", patience=20, frame_skip=8)
    played = evaluate_level(Still(), task, 0.0, 2, 2, seed=0)["greedy"]
    assert played["lengths"] == [125, 125] and played["frames"] == [1000.0, 1000.0]
    assert all(-100 < value < -85 for value in played["returns"])
    assert played["success"] == [False, False]


def test_single_env_passes_gymnasiums_check_and_repeats_its_start() -> None:
    check_env(SingleEnv(make(1)), skip_render_check=True)
    env = make(2)
    seen = env.restart([5, 5])
    assert np.array_equal(seen[0], seen[1])


def test_film_shows_both_pictures() -> None:
    frames = CarRacing(reward=EnvReward(), frame_skip=50).pictures(Still())["drive"]
    assert frames.shape[1:] == (192, 384, 3) and len(frames) >= 5
    assert beside(np.zeros((96, 96, 3), np.uint8), np.full((48, 48), 7, np.uint8))[:, 192:].max() == 7

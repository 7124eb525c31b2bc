"""Pre-training of vision and memory: exact resume, what learns and what stays, files that load into the algorithm."""

import json

import numpy as np
import pytest
import torch
from agents import make

from rlsuite.algos.world_model import WorldModel
from rlsuite.config.compose import compose
from rlsuite.config.schema import Pretraining
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import UserError
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.sprites.task import Sprites
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline
from rlsuite.worldmodel.saving import read_model
from rlsuite.worldmodel.training import WorldModelPretraining, random_play

TINY = {
    "updates": 6,
    "steps": 600,
    "n_envs": 4,
    "batch_size": 4,
    "length": 12,
    "groups": 3,
    "codes": 4,
    "code_dim": 2,
    "vision_hidden": 8,
    "memory_width": 8,
    "memory_heads": 2,
    "memory_layers": 1,
    "memory_window": 3,
}


def cartpole() -> CartPole:
    return CartPole(reward=EnvReward(), max_steps=40)


def training(task=None, **more) -> WorldModelPretraining:
    seed_everything(3)
    return WorldModelPretraining(task=task or cartpole(), seed=3, **(TINY | more))


def trained(folder, **more):
    folder.mkdir()
    made = training(**more)
    for _ in range(made.total_steps):
        made.update()
    quality = made.finish(folder)
    return made, quality


@pytest.mark.parametrize("part", ["vision", "memory"])
@pytest.mark.parametrize("stop", [0, 4])
def test_resumes_exactly(part: str, stop: int) -> None:
    whole = training(part=part)
    metrics = [whole.update() for _ in range(6)]
    first = training(part=part)
    for _ in range(stop):
        first.update()
    state, rng = first.get_state(), get_rng_state()
    second = training(part=part)
    second.set_state(state)
    set_rng_state(rng)
    assert [second.update() for _ in range(6 - stop)] == metrics[stop:]
    assert all(map(torch.equal, whole.model.state_dict().values(), second.model.state_dict().values()))


@pytest.mark.parametrize(
    ("part", "moves"),
    [("vision", "vision."), ("memory", ("memory.", "trunk.", "change.", "reward.", "goes_on."))],
)
def test_only_the_part_asked_for_learns(part: str, moves) -> None:
    made = training(part=part)
    before = {name: value.clone() for name, value in made.model.named_parameters()}
    for _ in range(3):
        made.update()
    moved = {name for name, value in made.model.named_parameters() if not torch.equal(before[name], value)}
    assert moved
    assert all(name.startswith(moves) or name == "log_sharpness" for name in moved)


def test_phases_hand_on_what_they_learnt(tmp_path) -> None:
    vision, quality = trained(tmp_path / "v")
    assert json.loads((tmp_path / "v/quality.json").read_text()) == quality
    assert {"reconstruction_error", "observation_variance", "perplexity"} == set(quality)
    memory, quality = trained(
        tmp_path / "m", part="memory", vision=str(tmp_path / "v/model.safetensors"), groups=7
    )
    assert {"error_1", "persistence_1", "error_10", "persistence_10"} <= set(quality) or quality[
        "perplexity"
    ] > 0
    for one, two in zip(
        vision.model.vision.state_dict().values(), memory.model.vision.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two)
    for name, made in (("vision", vision), ("memory", memory)):
        file = str(tmp_path / name[0])
        agent = make(
            WorldModel,
            task=cartpole(),
            technique=Baseline(),
            seed=1,
            n_envs=2,
            n_steps=16,
            warm_up=32,
            warm_up_updates=0,
            train_vision=False,
            **{name: file},
        )
        expected = {
            n: v for n, v in made.model.state_dict().items() if name == "memory" or n.startswith("vision.")
        }
        found = agent.policy.model.state_dict()
        assert all(torch.equal(found[n], v) for n, v in expected.items())
        assert agent.policy_kwargs["pretrained"] is None
        assert agent.policy_kwargs["vision"]["groups"] == 3
        agent.learn(64)
        assert torch.equal(agent.policy.model.vision.units.mean, made.model.vision.units.mean)


def test_files_of_other_envs_and_of_other_kinds_are_refused(tmp_path) -> None:
    trained(tmp_path / "v")
    with pytest.raises(UserError, match="made for other observations or actions"):
        training(task=Sprites(reward=EnvReward()), part="memory", vision=str(tmp_path / "v"))
    (tmp_path / "text").write_text("no tensors")
    with pytest.raises(UserError, match="damaged or no world model"):
        read_model(tmp_path / "text")
    with pytest.raises(UserError, match="no world model at"):
        read_model(tmp_path / "nothing")
    line = ["env=cartpole", "algo=world_model"]
    (problem,) = find_problems(compose([*line, "algo.vision=nowhere"]))
    assert problem.startswith("algo.vision: no world model at nowhere")
    (problem,) = find_problems(compose([*line, f"algo.memory={tmp_path / 'v'}"]))
    assert problem.endswith("it holds vision alone; give it as algo.vision")


def test_random_play_is_that_of_its_seed_and_wanders_where_it_is_continuous() -> None:
    one, _, _, _ = random_play(Sprites(reward=EnvReward()), 400, 2, 5)
    two, _, _, size = random_play(Sprites(reward=EnvReward()), 400, 2, 5)
    assert size == 2
    assert all(np.array_equal(one.arrays[name], two.arrays[name]) for name in one.arrays)
    actions, starts = one.arrays["actions"], one.arrays["starts"]
    follows = ~starts[1:]
    pairs = np.stack([actions[:-1][follows].ravel(), actions[1:][follows].ravel()])
    assert np.corrcoef(pairs)[0, 1] > 0.5
    assert np.array_equal(one.arrays["previous"][1:][follows], actions[:-1][follows])


def test_pictures_are_reconstructed_side_by_side() -> None:
    made = training(task=Sprites(reward=EnvReward(), observation="image"), steps=400, codes=8)
    made.update()
    (picture,) = made.pictures().values()
    assert picture.dtype == np.uint8
    assert picture.shape == (2 * 64, 8 * 64)


def test_an_env_is_asked_for_where_one_is_needed_and_refused_where_none_is() -> None:
    (problem,) = find_problems(compose(["model=vision"], "pretrain"), Pretraining)
    assert problem == "model=vision: it learns from play, so it needs an env; add env=cartpole"
    (problem,) = find_problems(compose(["model=var", "env=cartpole"], "pretrain"), Pretraining)
    assert problem == "env=cartpole with model=var: it plays nothing; leave out env="
    assert not find_problems(compose(["model=vision", "env=game2048"], "pretrain"), Pretraining)

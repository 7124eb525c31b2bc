"""Policies on an encoder: whose loss changes it, how fast, and that a frozen one stays as it is, bit for bit."""

from pathlib import Path

import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
from agents import make

from rlsuite.algos.a2c import A2C
from rlsuite.algos.common.probe import Probe
from rlsuite.algos.policies.pretrained_encoder import EncodedPicture, EncoderPolicy
from rlsuite.algos.ppo import PPO
from rlsuite.config.compose import compose
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import UserError
from rlsuite.envs.game2048.task import Game2048
from rlsuite.envs.sprites.task import Sprites
from rlsuite.representation import Encoder, EncoderConfig, load_encoder, save_encoder
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline

SMALL = {"n_envs": 4, "n_steps": 10, "batch_size": 20, "n_epochs": 2, "learning_rate": 1e-3, "net_arch": [8]}


@pytest.fixture
def weights(tmp_path) -> Path:
    torch.manual_seed(5)
    save_encoder(Encoder(EncoderConfig(channels=2, features_dim=6)), tmp_path / "encoder.safetensors")
    return tmp_path / "encoder.safetensors"


def ppo(weights, kind=PPO, steps=80, **arguments):
    task = Sprites(reward=EnvReward(), observation="image")
    small = SMALL if kind is PPO else {"n_envs": 4, "net_arch": [8]}
    agent = make(
        kind, task=task, technique=Baseline(), seed=0, encoder=str(weights), **{**small, **arguments}
    )
    agent.learn(steps)
    return agent


def unchanged(extractor, weights) -> bool:
    known = load_encoder(weights).state_dict()
    return all(torch.equal(value, known[name]) for name, value in extractor.encoder.state_dict().items())


@pytest.mark.parametrize("kind", [PPO, A2C])
def test_a_frozen_encoder_stays_as_it_is_bit_for_bit(kind, weights):
    agent = ppo(weights, kind, finetune="none", max_grad_norm=10.0)
    assert unchanged(agent.policy.features_extractor, weights)
    start = make(
        kind,
        task=Sprites(reward=EnvReward(), observation="image"),
        technique=Baseline(),
        seed=0,
        encoder=str(weights),
        finetune="none",
        **(SMALL if kind is PPO else {"n_envs": 4, "net_arch": [8]}),
    )
    assert not torch.equal(start.policy.action_net.weight, agent.policy.action_net.weight)


@pytest.mark.parametrize("learns", ["actor", "critic", "both", "none"])
def test_split_encoders_change_by_their_own_loss_alone(learns, weights):
    policy = ppo(weights, share_encoder=False, finetune=learns).policy
    assert unchanged(policy.pi_features_extractor, weights) == (learns in ("critic", "none"))
    assert unchanged(policy.vf_features_extractor, weights) == (learns in ("actor", "none"))


@pytest.mark.parametrize("learns", ["actor", "critic", "both", "none"])
def test_a_shared_encoder_sees_the_gradient_of_the_chosen_loss(learns, weights):
    agent = ppo(weights, finetune=learns)
    probe = Probe(Sprites(reward=EnvReward(), observation="image"), [0.0], 1, 10, seed=0)
    _, gradients = agent.probe_halves(probe)
    for half, found in gradients.items():
        reached = any("features_extractor" in name for name in found)
        assert reached == (learns in (half, "both")), half
        assert any("net" in name for name in found)
    assert unchanged(agent.policy.features_extractor, weights) == (learns == "none")


def test_the_encoder_has_a_learning_rate_of_its_own(weights):
    agent = ppo(weights, encoder_rate=0.1)
    heads, encoder = agent.policy.optimizer.param_groups
    assert {id(p) for p in encoder["params"]} == {id(p) for p in agent.policy.features_extractor.parameters()}
    assert (heads["lr"], encoder["lr"]) == pytest.approx((1e-3, 1e-4))
    assert agent.logger.name_to_value["train/encoder_learning_rate"] == pytest.approx(1e-4)


def test_values_can_be_an_exponential(weights):
    agent = ppo(weights, value_output="exp")
    pictures = agent.env.reset()
    linear, _ = agent.policy.value_net
    latent = agent.policy.mlp_extractor.forward_critic(
        agent.policy.extract_features(agent.policy.obs_to_tensor(pictures)[0])
    )
    assert np.allclose(agent.values(pictures), linear(latent).exp().detach().numpy()[:, 0])
    assert (agent.values(pictures) > 0).all()


def test_the_extractor_encodes_the_picture_and_appends_the_other_channels(weights):
    torch.manual_seed(0)
    space = Sprites(reward=EnvReward(), observation="image").vec_env([0.0], 1, 0).observation_space
    extractor = EncodedPicture(space, {"channels": 2, "features_dim": 6})
    seen = torch.randint(256, (3, 2, 64, 64)).float()
    seen[:, 1] = torch.tensor([0.0, 51.0, 255.0])[:, None, None]
    found = extractor(seen)
    assert torch.allclose(found[:, :6], extractor.encoder(seen[:, :1] / 255), atol=1e-6)
    assert torch.allclose(found[:, 6], torch.tensor([0.0, 0.2, 1.0]))


def test_features_as_observations_are_those_the_frozen_policy_sees(weights):
    envs = [
        Sprites(reward=EnvReward(), observation=kind, encoder=str(weights)).vec_env([0.0, 1.0], 4, 3)
        for kind in ("image", "features")
    ]
    space = envs[0].observation_space
    extractor = EncodedPicture(space, {"channels": 2, "features_dim": 6})
    extractor.encoder.load_state_dict(load_encoder(weights).state_dict())
    pictures, features = (env.reset() for env in envs)
    for _ in range(41):  # over the end of the episode
        with torch.no_grad():
            expected = extractor(torch.as_tensor(pictures)).numpy()
        assert features.dtype == np.float32
        assert np.allclose(features, expected, atol=2.5e-3)  # time in a channel is rounded to 1/255
        assert np.allclose(features[:, :-1], expected[:, :-1], atol=1e-5)
        action = np.full((4, 2), 0.3, dtype=np.float32)
        (pictures, _, _, _), (features, _, _, _) = (env.step(action) for env in envs)
    assert envs[1].observation_space.shape == (7,)


def test_a_saved_model_needs_no_file_of_the_encoder(weights, tmp_path):
    agent = ppo(weights, finetune="none", value_output="exp")
    agent.save(tmp_path / "model.zip")
    weights.unlink()
    loaded = sb3.PPO.load(tmp_path / "model.zip")
    pictures = agent.env.reset()
    assert isinstance(loaded.policy, EncoderPolicy)
    assert np.array_equal(
        loaded.predict(pictures, deterministic=True)[0], agent.predict(pictures, deterministic=True)[0]
    )


def test_scratch_is_the_same_architecture_with_random_weights():
    agent = ppo("scratch", steps=40)
    assert agent.policy.features_extractor.encoder.config == EncoderConfig()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="do not go with MaskedActorCriticPolicy"):
        make(PPO, task=Game2048(reward=EnvReward()), technique=Baseline(), seed=0, value_output="exp")
    with pytest.raises(UserError, match="no encoder at nowhere"):
        ppo("nowhere")
    problems = find_problems(compose(["env=sprites", "algo=ppo", "algo.encoder=scratch"]))
    assert problems == [
        "algo.encoder=scratch with env=sprites: it reads pixels observations, the env gives vector ones; take algo.encoder=null"
    ]


@pytest.mark.parametrize("setting", ["algo.encoder", "env.encoder"])
def test_an_encoder_that_is_not_there_is_refused_before_anything_starts(setting):
    seen = "image" if setting == "algo.encoder" else "features"
    command = ["env=sprites", "algo=ppo", f"env.observation={seen}"]
    (problem,) = find_problems(compose([*command, f"{setting}=nowhere"]))
    assert (
        f"{setting}: no encoder at nowhere; python -m rlsuite.pretrain model=sprites_encoder makes one"
        in problem
    )
    assert find_problems(compose([*command, f"{setting}=sprites_image"])) == []

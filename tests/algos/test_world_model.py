"""algo=world_model: what is executed is what is trained, models do not move while they are used, episodes stay apart."""

import gymnasium
import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
from agents import make

from rlsuite.algos.world_model import WorldModel
from rlsuite.algos.world_models.policy import mixed
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.sprites.task import Sprites
from rlsuite.experiment.rollouts import play_episodes
from rlsuite.rewards.env import EnvReward
from rlsuite.runs.checkpoint import read_tree, write_tree
from rlsuite.techniques.baseline import Baseline
from rlsuite.worldmodel.planner import Planning
from rlsuite.worldmodel.reconstructions import draw_reconstructions
from rlsuite.worldmodel.vision import make_vision

SMALL = {
    "n_envs": 3,
    "n_steps": 24,
    "warm_up": 72,
    "warm_up_updates": 3,
    "model_updates": 2,
    "model_batch": 4,
    "model_length": 8,
    "batch_size": 24,
    "memory_width": 8,
    "memory_heads": 2,
    "memory_window": 4,
    "groups": 3,
    "codes": 4,
    "code_dim": 2,
}
TASKS = {
    "discrete": lambda: CartPole(reward=EnvReward(), max_steps=17),
    "continuous": lambda: Sprites(reward=EnvReward()),
    "pictures": lambda: Sprites(reward=EnvReward(), observation="image"),
}


def agent(task: str = "discrete", horizon: int = 2, seed: int = 1, **more) -> WorldModel:
    seed_everything(seed)
    planning = Planning(**{"horizon": horizon, **more.pop("planning", {})})
    return make(
        WorldModel, task=TASKS[task](), technique=Baseline(), seed=seed, planning=planning, **(SMALL | more)
    )


class Rollout:
    """Stop training short of an update, with the rollout that it would have been on."""

    def __init__(self, learner: WorldModel, steps: int, monkeypatch) -> None:
        trained, self.batches = learner.train, []

        def train() -> None:
            if learner.num_timesteps >= steps:
                self.batches.append(next(learner.rollout_buffer.batches(10_000)))
            else:
                trained()

        monkeypatch.setattr(learner, "train", train)
        learner.learn(steps)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("horizon", [0, 2])
def test_what_is_executed_is_what_is_trained(task: str, horizon: int, monkeypatch) -> None:
    learner = agent(task, horizon)
    (batch,) = Rollout(learner, 216, monkeypatch).batches
    blend = learner.rollout_buffer.blend
    assert blend == (0.3 if horizon else 0.0)
    assert bool(batch.plan.abs().sum() > 0) == bool(horizon)
    with torch.no_grad():
        values, log_probs, _ = learner.policy.evaluate(batch.features, batch.plan, blend, batch.choices)
    assert (log_probs - batch.old_log_probs).abs().max() < 1e-5
    assert values.shape == batch.returns.shape


@pytest.mark.parametrize("task", ["discrete", "continuous"])
def test_policy_and_plan_have_no_gradient_into_the_model(task: str, monkeypatch) -> None:
    learner = agent(task)
    (batch,) = Rollout(learner, 216, monkeypatch).batches
    learner.policy.zero_grad(set_to_none=True)
    learner.controller_loss(batch, learner.rollout_buffer.blend)[0].backward()
    assert all(p.grad is None for p in learner.policy.model.parameters())
    assert all(p.grad is not None and p.grad.any() for p in learner.policy.controller.actor.parameters())
    assert not batch.plan.requires_grad


def test_plan_alone_leaves_the_actor_without_a_gradient(monkeypatch) -> None:
    learner = agent(planning={"blend": 1.0})
    (batch,) = Rollout(learner, 216, monkeypatch).batches
    learner.policy.zero_grad(set_to_none=True)
    learner.controller_loss(batch, learner.rollout_buffer.blend)[0].backward()
    assert not any(p.grad.any() for p in learner.policy.controller.actor.parameters())
    assert any(p.grad.any() for p in learner.policy.controller.critic.parameters())


def test_preferences_are_blended_by_hand() -> None:
    own, plan = (
        torch.tensor([[1.0, 3.0]], requires_grad=True),
        torch.tensor([[10.0, -10.0]], requires_grad=True),
    )
    found = mixed(own, plan, 0.3)
    assert found.tolist() == [[pytest.approx(3.7), pytest.approx(-0.9)]]
    found.sum().backward()
    assert own.grad.tolist() == [[pytest.approx(0.7), pytest.approx(0.7)]]
    assert plan.grad is None


@pytest.mark.parametrize("task", TASKS)
def test_acting_changes_no_code_and_no_weight(task: str) -> None:
    learner = agent(task)
    learner.learn(144)
    before = {name: value.clone() for name, value in learner.policy.state_dict().items()}
    env = learner.env
    play_episodes(learner, env, 3, deterministic=False, seed=5)
    learner.predict(env.reset())
    learner.rollout_buffer.reset()
    learner.policy.set_training_mode(False)
    learner.collect_rollouts(env, silent(learner), learner.rollout_buffer, 24)
    assert all(torch.equal(before[name], value) for name, value in learner.policy.state_dict().items())


def silent(learner: WorldModel):
    from stable_baselines3.common.callbacks import CallbackList

    callback = CallbackList([])
    callback.init_callback(learner)
    return callback


def test_an_episode_is_played_as_if_nothing_had_been_before_it() -> None:
    learner = agent()
    learner.learn(144)
    rng = np.random.default_rng(0)
    past, state = rng.normal(size=(7, 2, 4)).astype(np.float32), None
    for seen in past:
        _, state = learner.predict(seen, state, np.zeros(2, bool), deterministic=True)
    fresh, starts = None, np.ones(2, bool)
    for t in range(6):
        seen = rng.normal(size=(2, 4)).astype(np.float32)
        old = learner.policy.see(seen, state, starts if t == 0 else ~starts)
        new = learner.policy.see(seen, fresh or learner.policy.begin(2), starts if t == 0 else ~starts)
        torch.testing.assert_close(old.features, new.features, atol=1e-6, rtol=1e-6)
        choice, state = learner.predict(seen, state, starts if t == 0 else ~starts, deterministic=True)
        same, fresh = learner.predict(seen, fresh, starts if t == 0 else ~starts, deterministic=True)
        assert (choice == same).all()


def test_memory_stands_where_the_last_step_left_it_not_where_bootstrapping_looked() -> None:
    """What is remembered at a rollout's start is what stepping through all of the past leaves."""
    learner = agent(model_updates=0, warm_up_updates=0)  # the weights stay, but those of actor and critic
    learner.learn(216)
    past = learner.replay.last(len(learner.replay), "cpu")
    envs = learner.policy.begin(3)
    for t in range(past.starts.shape[1]):
        latent = learner.policy.see(past.observations[:, t], envs, past.starts[:, t])
        envs = type(envs)(latent.memory, past.actions[:, t])
    found = learner.remembered()
    assert torch.equal(found.previous, envs.previous)
    one, two = (
        learner.policy.see(learner._last_obs, place, learner._last_episode_starts) for place in (found, envs)
    )
    torch.testing.assert_close(one.features, two.features, atol=1e-5, rtol=1e-5)


def test_a_cut_episode_is_bootstrapped_and_an_ended_one_is_not() -> None:
    """With rewards of 1 and gamma 1, lambda 0: the target is 1 + V(next), 1 alone after a fall."""
    learner = agent(gamma=1.0, gae_lambda=0.0, horizon=0, warm_up=10_000)
    learner.learn(72)
    buffer, past = learner.rollout_buffer, learner.replay.last(24, "cpu")
    assert past.ended.any()
    targets = buffer.columns.returns.view(24, 3).T
    values = torch.stack([step[4] for step in buffer.steps]).T
    assert (past.ended & ~past.terminated).any()  # max_steps=17 cuts
    torch.testing.assert_close(targets[past.terminated], torch.ones(int(past.terminated.sum())))
    follows = ~past.ended[:, :-1]
    torch.testing.assert_close(targets[:, :-1][follows], 1 + values[:, 1:][follows])
    cut = past.ended & ~past.terminated
    bootstrapped = torch.stack([outcome[3] for outcome in buffer.outcomes]).T
    torch.testing.assert_close(targets[cut], 1 + bootstrapped[cut])
    assert (bootstrapped[cut] != 0).all()


@pytest.mark.parametrize("task", ["discrete", "continuous"])
@pytest.mark.parametrize("stop", [72, 144])
def test_resumes_exactly(task: str, stop: int, tmp_path) -> None:
    whole = agent(task, seed=2, update="ppo", n_epochs=2)
    whole.learn(288)
    first = agent(task, seed=2, update="ppo", n_epochs=2)
    first._total_timesteps = 288
    first.learn(stop)
    write_tree(tmp_path / "saved", {"agent": first.get_state(), "rng": get_rng_state()})
    second = agent(task, seed=2, update="ppo", n_epochs=2)
    saved = read_tree(tmp_path / "saved")
    second.set_state(saved["agent"])
    set_rng_state(saved["rng"])
    second.learn(288 - stop, reset_num_timesteps=False)
    one, two = whole.parameters_tree(), second.parameters_tree()
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_planning_begins_at_its_step() -> None:
    learner = agent(planning={"start_step": 144})
    blends = []
    trained = learner.train

    def train() -> None:
        blends.append(learner.rollout_buffer.blend)
        trained()

    learner.train = train
    learner.learn(288)
    assert blends == [0.0, 0.0, 0.3, 0.3]


def test_what_stays_untrained_stays_as_it_was() -> None:
    for part, off in (("vision", "train_vision"), ("memory", "train_memory")):
        learner = agent(**{off: False})
        module = getattr(learner.policy.model, part)
        before = {name: value.clone() for name, value in module.state_dict().items()}
        learner.learn(216)
        assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
        other = learner.policy.model.memory if part == "vision" else learner.policy.model.vision
        assert any(p.grad is not None and p.grad.any() for p in other.parameters())


def test_a_picture_can_be_one_code_which_cannot_tell_where_things_are() -> None:
    """White at two places: the grid's codes differ, the mean's are alike up to what the borders do."""
    codes = {}
    for pool in ("grid", "mean"):
        torch.manual_seed(0)
        space = gymnasium.spaces.Box(0, 255, (1, 64, 64), np.uint8)
        vision = make_vision(space, "continuous", 1, 4, 2, 8, pool)
        pictures = torch.zeros(2, 1, 64, 64)
        pictures[0, :, 16:24, 16:24] = pictures[1, :, 32:40, 40:48] = 255
        with torch.no_grad():
            codes[pool] = vision(pictures)
            assert vision.decode(codes[pool]).shape == pictures.shape
    assert codes["grid"].shape == (2, 2 * 8 * 8)
    assert codes["mean"].shape == (2, 2)
    assert torch.allclose(codes["mean"][0], codes["mean"][1], atol=1e-6)
    assert (codes["grid"][0] - codes["grid"][1]).abs().max() > 0.01


def test_reinforce_follows_returns_and_a_linear_controller_has_no_hidden_layer(monkeypatch) -> None:
    learner = agent(update="reinforce", controller=[], gae_lambda=1.0, horizon=0)
    assert [type(layer).__name__ for layer in learner.policy.controller.actor] == ["Linear"]
    (batch,) = Rollout(learner, 216, monkeypatch).batches
    loss, shown = learner.controller_loss(batch, 0.0)
    gain = (batch.returns - batch.returns.mean()) / (batch.returns.std() + 1e-8)
    assert shown["train/policy_loss"] == pytest.approx(float(-(gain * batch.old_log_probs).mean()), abs=1e-5)
    assert torch.isfinite(loss)


@pytest.mark.parametrize("quantizer", ["vq", "fsq", "continuous"])
def test_logs_what_it_learns(quantizer: str) -> None:
    learner = agent(quantizer=quantizer, n_steps=48, warm_up=144)
    learner.learn(432, log_interval=None)
    expected = {
        "train/policy_loss",
        "train/value_loss",
        "train/vision_loss",
        "train/memory_loss",
        "train/entropy",
        "train/mean_episode_reward",
        "gradients/actor",
        "gradients/critic",
        "gradients/vision",
        "gradients/memory",
        "model/perplexity",
        "model/error_1",
        "model/persistence_1",
        "model/error_10",
        "model/persistence_10",
    }
    assert expected <= set(learner.logger.name_to_value)


def test_pictures_of_the_model_show_what_was_what_is_seen_and_what_is_imagined() -> None:
    learner = agent("pictures")
    learner.learn(144)
    batch = learner.replay.last(20, "cpu")
    picture = draw_reconstructions(learner.policy.model, batch, steps=6)
    assert picture.shape == (3 * 64, 6 * 64, 3)
    seen = batch.observations[0, 14:, 0].numpy()
    assert (picture[:64, :64, 0] == seen[0]).all()
    assert (picture[:64, -64:, 2] == seen[-1]).all()


def test_the_saved_model_is_opened_by_stable_baselines_and_acts_alike(tmp_path) -> None:
    learner = agent()
    learner.learn(144)
    learner.save(tmp_path / "model.zip")
    loaded = sb3.A2C.load(tmp_path / "model.zip", device="cpu")
    seen, one, two = np.random.default_rng(0).normal(size=(5, 2, 4)).astype(np.float32), None, None
    for now in seen:
        choice, one = learner.predict(now, one, deterministic=True)
        same, two = loaded.predict(now, two, deterministic=True)
        assert (choice == same).all()

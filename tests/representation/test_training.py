"""Pre-training: exact resume, exactly zero gradients where it is detached, files that load, learning that begins."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rlsuite.config.compose import compose
from rlsuite.config.schema import Pretraining
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import Diverged, UserError
from rlsuite.representation import load_encoder
from rlsuite.representation.training import SpritesPretraining, as_input

TINY = dict(
    updates=(4, 4),
    distractors=(0, 2),
    batch_size=4,
    channels=2,
    features_dim=8,
    horizon=3,
    quality_sequences=5,
)


def run(training: SpritesPretraining, updates: int) -> list[dict[str, float]]:
    return [training.update() for _ in range(updates)]


def weights(training: SpritesPretraining) -> list[torch.Tensor]:
    return [value.clone() for value in training.modules.state_dict().values()]


@pytest.mark.parametrize("stop", [0, 3, 4, 7])
def test_resumes_exactly(stop: int) -> None:
    whole, first = (SpritesPretraining(seed=3, decoder=True, **TINY) for _ in range(2))
    metrics = run(whole, 8)
    run(first, stop)
    torch.manual_seed(stop)  # the process's own stream must not matter
    second = SpritesPretraining(seed=4, decoder=True, **TINY)
    second.set_state(first.get_state())
    assert run(second, 8 - stop) == metrics[stop:]
    assert all(map(torch.equal, weights(whole), weights(second)))


@pytest.mark.parametrize(("objective", "detached"), [("reward", "image"), ("image", "reward")])
def test_the_detached_loss_does_not_touch_the_encoder(objective: str, detached: str) -> None:
    """Not small but none: the loss that only shows reaches no parameter of the encoder, the other reaches all."""
    training = SpritesPretraining(objective=objective, decoder=True, **TINY)
    batch = training.held_out(2, 6)
    for name in ("reward", "image"):
        training.optimizer.zero_grad()
        training.losses(batch)[name].backward()
        gradients = [parameter.grad for parameter in training.encoder.parameters()]
        if name == detached:
            assert all(g is None or not g.any() for g in gradients)
        else:
            assert all(g is not None and g.any() for g in gradients)


def test_a_decoder_beside_changes_no_bit_of_the_encoder() -> None:
    """Up to the common clipping of gradients, which at 10 never happens here."""
    one, two = SpritesPretraining(decoder=False, **TINY), SpritesPretraining(decoder=True, **TINY)
    run(one, 5), run(two, 5)
    assert all(map(torch.equal, one.encoder.state_dict().values(), two.encoder.state_dict().values()))


def test_stages_follow_each_other() -> None:
    training = SpritesPretraining(**TINY)
    metrics = run(training, 8)
    assert [m["distractors"] for m in metrics] == [0] * 4 + [2] * 4
    rates = [m["learning_rate"] for m in metrics]
    assert rates[:4] == pytest.approx(
        [0.003 / 300 * (i + 1) * (1 - 0.98 * (1 - np.cos(np.pi * i / 4)) / 2) for i in range(4)]
    )
    assert rates[4] == pytest.approx(0.003 / 300 * 5)
    with pytest.raises(StopIteration):
        training.update()


def test_pictures_are_in_one_range() -> None:
    """The env gives 0 or 255, the encoder gets 0 or 1, in training as in the env."""
    assert set(np.unique(as_input(SpritesPretraining(**TINY).held_out(2, 3).pictures))) == {0.0, 1.0}


def test_finish_writes_what_loads(tmp_path: Path) -> None:
    training = SpritesPretraining(decoder=True, **TINY)
    run(training, training.total_steps)
    assert training.pictures()["decodings"].shape == (128, 640)
    quality = training.finish(tmp_path)
    assert quality == json.loads((tmp_path / "quality.json").read_text())
    stages = quality.pop("stages")
    assert [set(stage) for stage in stages] == [{"cpu_s", "mse_0", "mse_1", "mse_2"}] * 2
    assert stages[1] == {"cpu_s": stages[1]["cpu_s"], **quality} and stages[0]["cpu_s"] <= stages[1]["cpu_s"]
    assert {name: set(errors) for name, errors in quality.items()} == {
        f"mse_{n}": {"agent_x", "agent_y", "target_x", "target_y"} for n in range(3)
    }
    pictures = torch.rand(3, 1, 64, 64)
    assert torch.equal(load_encoder(tmp_path)(pictures), training.encoder(pictures))


def test_an_untrained_error_is_the_rewards_spread() -> None:
    """Heads that say 0 predict .5, so the error is the variance of a uniform position: .8^2 / 12."""
    training = SpritesPretraining(**{**TINY, "quality_sequences": 2000})
    for head in training.predictor.heads:
        torch.nn.init.zeros_(head[-1].weight), torch.nn.init.zeros_(head[-1].bias)
    assert list(training.errors(0).values()) == pytest.approx([0.64 / 12] * 4, rel=0.05)


def test_learning_begins() -> None:
    """Narrow steps to see that errors fall where a reward is easy: one reward, one frame, one step."""
    training = SpritesPretraining(
        rewards=("target_y",), updates=(150,), distractors=(0,), batch_size=32, frames=1, horizon=1
    )
    errors = [metrics["reward"] for metrics in run(training, 150)]
    assert np.mean(errors[-20:]) < 0.5 * np.mean(errors[:20])


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match="an entry for each stage"):
        SpritesPretraining(updates=(3, 3), distractors=(0,))
    training = SpritesPretraining(learning_rate=1e30, **TINY)
    with pytest.raises(Diverged, match="gradient norm"):
        run(training, 8)
    cfg = compose(["model=sprites_encoder", "model.rewards=[agent_z]", "model.distractors=[3]"], "pretrain")
    problems = find_problems(cfg, Pretraining)
    assert len(problems) == 2 and "model.rewards" in problems[0] + problems[1]

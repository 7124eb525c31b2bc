"""What pulls at an actor-critic: the gradients of its actor and its critic, and how its values and advantages lie."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from stable_baselines3.common.buffers import RolloutBufferSamples
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Image

from rlsuite.algos.common.probe import Probe
from rlsuite.config.schema import Diagnostics
from rlsuite.core.interfaces import Agent, Task, Tree
from rlsuite.experiment.plots import scatter

Named = Mapping[str, torch.Tensor]


class DiagnosticsCallback(BaseCallback):
    """Every ``every`` steps, look at an actor-critic's gradients, values and advantages on envs of their own.

    Logged under ``diagnostics/``: the norm of the actor's and of the critic's gradient, in all and on the encoder (the
    layers before the heads), their cosine where both reach the same parameters; the correlation of values with returns and
    with advantages, and a picture of both; TensorBoard gets the distributions of the gradients too. Learning is not
    touched: no parameter, no random stream.
    """

    def __init__(self, probe: Probe, every: int) -> None:
        super().__init__()
        self.probe, self.every, self.next_at = probe, every, 0

    def get_state(self) -> Tree:
        """Return where the envs stand."""
        return {"next_at": self.next_at, "probe": self.probe.get_state()}

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        self.next_at = state["next_at"]
        self.probe.set_state(state["probe"])

    def _on_rollout_start(self) -> None:
        step = self.model.num_timesteps
        if step >= self.next_at:
            self.next_at = step - step % self.every + self.every
            self.measure()

    def measure(self) -> None:
        """Log what the agent is like now."""
        batch, gradients = self.model.probe_halves(self.probe)
        for name, value in {**gradient_sizes(gradients), **value_fit(batch)}.items():
            self.logger.record(f"diagnostics/{name}", value)
        for half, found in gradients.items():
            flat = torch.cat([grad.flatten() for grad in found.values()])
            self.logger.record(f"diagnostics/{half}_gradient", flat, exclude="csv")
        against = {"return": batch.returns, "advantage": batch.advantages}
        picture = scatter("predicted value", batch.old_values, against)
        self.logger.record("diagnostics/values", Image(picture, "HWC"), exclude="csv")

    def _on_step(self) -> bool:
        return True


def gradient_sizes(gradients: Mapping[str, Named]) -> dict[str, float]:
    """Return the norms of both halves' gradients, in all and on the encoder, and the cosine on what they share there.

    Args:
        gradients: By parameter, for ``actor`` and ``critic``; a parameter is missing where a loss does not reach it.
    """
    encoders = {
        half: {n: g for n, g in found.items() if "features_extractor" in n}
        for half, found in gradients.items()
    }
    sizes = {f"{half}_norm": norm(found) for half, found in gradients.items()}
    sizes |= {f"encoder_{half}_norm": norm(found) for half, found in encoders.items() if found}
    actor, critic = encoders["actor"], encoders["critic"]
    shared = [name for name in actor if name in critic]
    if shared:
        inner = sum(float((actor[name] * critic[name]).sum()) for name in shared)
        lengths = norm({n: actor[n] for n in shared}) * norm({n: critic[n] for n in shared})
        sizes["encoder_cosine"] = inner / lengths if lengths else 0.0
    return sizes


def norm(found: Named) -> float:
    """Return the Euclidean norm of all gradients together."""
    return float(sum(float(grad.double().square().sum()) for grad in found.values()) ** 0.5)


def value_fit(batch: RolloutBufferSamples) -> dict[str, float]:
    """Return how predicted values (batch,) go with the returns and the advantages that were found: correlations."""
    rows = torch.stack([batch.old_values, batch.returns, batch.advantages]).double()
    found = torch.corrcoef(rows).nan_to_num()[0, 1:]
    return {"value_return_correlation": float(found[0]), "value_advantage_correlation": float(found[1])}


def make_diagnostics(
    settings: Diagnostics, task: Task, agent: Agent, level: float, seed: int
) -> DiagnosticsCallback | None:
    """Return the callback a config asks for; None where it asks for none or the agent has no actor and critic."""
    if not settings.every or not agent.probes_actor_critic:
        return None
    seed += 1  # other envs than those of ``agreement``
    return DiagnosticsCallback(Probe(task, [level], settings.n_envs, settings.steps, seed), settings.every)

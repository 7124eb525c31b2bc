"""The policy of ``algo=world_model``: a world model, actor and critic on its (z, h), and the plan that is blended in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn

from rlsuite.worldmodel.controller import ContinuousController, make_controller
from rlsuite.worldmodel.memory import Memory, MemorySizes, MemoryState
from rlsuite.worldmodel.model import Latent, LatentModel
from rlsuite.worldmodel.planner import Planning, cross_entropy, try_all
from rlsuite.worldmodel.saving import load_into, read_model
from rlsuite.worldmodel.vision import VisionSizes, make_vision


class BatchMemory(NamedTuple):
    """What an episode's past leaves for its next step, for each of n envs."""

    memory: MemoryState
    previous: Tensor  # (n, size), the actions before


class Decision(NamedTuple):
    """A step of n envs: where they are, what was chosen, and all that its log-probability takes to be computed again."""

    latent: Latent
    choices: Tensor
    plan: Tensor  # (n, size), preferences; zeros where there is none
    blend: float
    values: Tensor
    log_probs: Tensor
    spread: Tensor  # of a discrete plan's values over the actions (n,)


class WorldModelPolicy(BasePolicy):
    """SB3's policy with everything that is learnt, so that its state is the agent's."""

    fitted: Tensor
    plans: Tensor
    plan_scale: Tensor
    optimizer_class: type[torch.optim.Optimizer]

    def __init__(
        self,
        observation_space: spaces.Box,
        action_space: spaces.Space,
        lr_schedule: Any,
        *,
        gamma: float,
        planning: Planning,
        vision: VisionSizes,
        memory: MemorySizes,
        controller: Sequence[int],
        model_rate: float = 1.0,
        pretrained: str | None = None,
        use_sde: bool = False,
    ) -> None:
        super().__init__(observation_space, action_space, normalize_images=False)
        self.gamma, self.planning = gamma, planning
        saved = read_model(pretrained) if pretrained else None
        self.pretrained = saved is not None
        vision, memory = (saved.vision, saved.memory or memory) if saved else (vision, memory)
        self.sizes = {"vision": vision, "memory": memory}
        seen = make_vision(observation_space, **vision)
        size = (
            int(action_space.n)
            if isinstance(action_space, spaces.Discrete)
            else int(np.prod(action_space.shape))
        )
        self.model = LatentModel(seen, Memory(seen.z_dim + size, **memory), size)
        if saved:
            load_into(self.model, saved, str(pretrained))
        self.controller = make_controller(self.model.z_dim + self.model.h_dim, controller, action_space)
        for name, value in (("fitted", False), ("plans", False), ("plan_scale", 1.0)):
            self.register_buffer(name, torch.tensor(value))
        groups = [
            {"params": list(self.controller.parameters()), "rate": 1.0},
            {"params": list(self.model.parameters()), "rate": model_rate},
        ]
        self.optimizer = torch.optim.Adam(groups, lr=lr_schedule(1), eps=1e-5)

    def parts(self) -> dict[str, nn.Module]:
        """Return the parts by the names that their gradients are logged under."""
        heads = nn.ModuleList([self.model.trunk, self.model.change, self.model.reward, self.model.goes_on])
        return {
            "vision": self.model.vision,
            "memory": self.model.memory,
            "heads": heads,
            "actor": self.controller.actor,
            "critic": self.controller.critic,
        }

    def begin(self, n: int) -> BatchMemory:
        """Return the past of ``n`` envs that have none."""
        memory = self.model.memory.begin(n)
        return BatchMemory(memory, torch.zeros(n, self.model.action_dim, device=self.device))

    def see(self, observations: np.ndarray, envs: BatchMemory, starts: np.ndarray) -> Latent:
        """Return where envs are that see ``observations`` (n, ...)."""
        seen, begun = (torch.as_tensor(part, device=self.device) for part in (observations, starts))
        return self.model.see(seen, envs.previous, begun, envs.memory)

    def make_plan(self, latent: Latent) -> tuple[Tensor, Tensor]:
        """Return the plan's preferences (n, size), and the spread (n,) of the values of discrete actions."""
        planning, controller = self.planning, self.controller
        if isinstance(controller, ContinuousController):
            best = cross_entropy(self.model, controller, latent, self.gamma, planning)
            return controller.choices(best), torch.zeros(len(best), device=best.device)
        worth = try_all(self.model, controller, latent, self.gamma, planning.horizon)
        worth = worth - worth.mean(1, keepdim=True)
        return worth / (self.plan_scale * planning.temperature), worth.std(1, correction=0)

    def decide(self, latent: Latent, deterministic: bool = False) -> Decision:
        """Choose from the blend of actor and plan."""
        own = self.controller.preferences(latent.features)
        plan, spread, blend = torch.zeros_like(own), torch.zeros(len(own), device=own.device), 0.0
        if self.plans:
            (plan, spread), blend = self.make_plan(latent), self.planning.blend
        preferences = mixed(own, plan, blend)
        distribution = self.controller.distribution(preferences)
        choices = self.controller.best(preferences) if deterministic else distribution.sample()
        log_probs = self.controller.log_prob(distribution, choices)
        return Decision(
            latent, choices, plan, blend, self.controller.value(latent.features), log_probs, spread
        )

    def evaluate(
        self, features: Tensor, plan: Tensor, blend: float, choices: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return values, log-probabilities and entropies, each (B,), of choices made at ``features`` under ``plan``."""
        preferences = mixed(self.controller.preferences(features), plan, blend)
        distribution = self.controller.distribution(preferences)
        log_probs = self.controller.log_prob(distribution, choices)
        return self.controller.value(features), log_probs, self.controller.entropy(distribution)

    @torch.no_grad()
    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Return actions, and the envs' past as the state to hand in next time.

        Without a state every env begins an episode; planning is part of the policy, so it is done here as in training.
        """
        self.set_training_mode(False)
        single = np.ndim(observation) == len(self.observation_space.shape)
        observations = np.asarray(observation)[None] if single else np.asarray(observation)
        envs = self.begin(len(observations)) if state is None else state
        starts = (
            np.full(len(observations), state is None) if episode_start is None else np.asarray(episode_start)
        )
        latent = self.see(observations, envs, starts)
        choices = self.decide(latent, deterministic).choices
        actions = self.controller.env_actions(choices).cpu().numpy()
        after = BatchMemory(latent.memory, self.controller.vectors(choices))
        return (actions[0] if single else actions), after

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        raise NotImplementedError("a policy with a memory acts by predict(), which hands its state on")


def mixed(own: Tensor, plan: Tensor, blend: float) -> Tensor:
    """Return the preferences that are executed and trained; the plan's carry no gradient."""
    return (1 - blend) * own + blend * plan.detach() if blend else own

"""Agreement of the variations' gradients, measured beside learning for every technique alike."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rlsuite.algos.common.probe import Probe
from rlsuite.config.schema import Agreement
from rlsuite.core.interfaces import Agent, Task, Tree
from rlsuite.metrics import disattenuated, gradient_agreement_score

EARLY = (0.1, 0.5)
"""The part of a run, in shares of its steps, whose agreement may predict how the run ends."""


class AgreementCallback(BaseCallback):
    """Every ``every`` steps, compute ``metrics.gradient_agreement_score`` of the learner's own loss.

    The samples come from a ``Probe``: envs at the same levels for every technique, baseline too, so that what is
    compared between runs was measured alike. They are never trained on nor counted, no parameter or random stream of
    the run is touched, and the state is part of the checkpoint. Logged as ``gas/...``, with the norm of the parameters
    as the trivial predictor to beat.
    """

    def __init__(self, probe: Probe, every: int) -> None:
        super().__init__()
        self.probe, self.every, self.next_at = probe, every, 0
        self.rows: list[dict[str, float | None]] = []

    def get_state(self) -> Tree:
        """Return what was measured so far, and where the envs stand."""
        return {"next_at": self.next_at, "rows": list(self.rows), "probe": self.probe.get_state()}

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        self.next_at, self.rows = state["next_at"], state["rows"]
        self.probe.set_state(state["probe"])

    def _on_rollout_start(self) -> None:
        step = self.model.num_timesteps
        if step >= self.next_at:
            self.next_at = step - step % self.every + self.every
            found = gradient_agreement_score(self.model.probe_gram(self.probe))
            arrays = self.model.parameters_tree().values()
            found["parameter_norm"] = float(
                np.sqrt(sum(np.square(a, dtype=np.float64).sum() for a in arrays))
            )
            self.rows.append({"step": step, **found})
            for name, value in found.items():
                if value is not None:
                    self.logger.record(f"gas/{name}", value)

    def _on_step(self) -> bool:
        return True

    def summary(self, total_steps: int) -> dict[str, object]:
        """Return every measurement, and the means over the early part of the run, for ``result.json``."""
        low, high = (share * total_steps for share in EARLY)
        early = [row for row in self.rows if low <= row["step"] <= high]  # type: ignore[operator]
        names = [name for name in self.rows[0] if name != "step"] if self.rows else []
        means: dict[str, float | None] = {name: _mean(early, name) for name in names}
        if means:  # a ratio of means: single ratios are wild where the noise ceiling is low
            means["ratio"] = disattenuated(means["across"], means["within"])
        series = {name: [row[name] for row in self.rows] for name in ["step", *names]}
        return {"early": means, "early_part": list(EARLY), "n_early": len(early), "series": series}


def _mean(rows: list[dict[str, float | None]], name: str) -> float | None:
    values = [row[name] for row in rows if row[name] is not None]
    return float(np.mean(values)) if values else None  # type: ignore[arg-type]


def make_agreement(settings: Agreement, task: Task, agent: Agent, seed: int) -> AgreementCallback | None:
    """Return the callback a config asks for; None where it asks for none or the agent has no loss to look at."""
    if not settings.every or not agent.probes_gradients:
        return None
    probe = Probe(task, list(settings.levels), settings.n_envs, settings.steps, seed)
    return AgreementCallback(probe, settings.every)

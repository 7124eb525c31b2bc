"""What settings were called before: one table for every hint and message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MOVED_KEYS: dict[str, str] = {
    "agreement.lanes": "agreement.n_envs",
    "diagnostics.lanes": "diagnostics.n_envs",
    "algo.imagined_lanes": "algo.imagination.n_envs",
    "algo.features_dim": "algo.network.features_dim",
    "algo.net_arch": "algo.network.net_arch",
    "algo.log_std_init": "algo.network.log_std_init",
    "algo.observation_scale": "algo.network.observation_scale",
    "algo.precision": "algo.network.precision",
    "algo.mask_actions": "algo.network.mask_actions",
    "algo.compile": "algo.network.compile",
    "algo.cudnn_deterministic": "algo.network.cudnn_deterministic",
    "algo.finetune": "algo.encoder.finetune",
    "algo.share_encoder": "algo.encoder.share",
    "algo.encoder_rate": "algo.encoder.rate",
    "algo.value_output": "algo.encoder.value_output",
    "algo.normalize_advantage": "algo.normalize.advantage",
    "algo.normalize_reward": "algo.normalize.reward",
    "algo.exploration_fraction": "algo.exploration.fraction",
    "algo.exploration_initial_eps": "algo.exploration.initial_eps",
    "algo.exploration_final_eps": "algo.exploration.final_eps",
    "algo.lstm_hidden_size": "algo.lstm.hidden_size",
    "algo.n_lstm_layers": "algo.lstm.n_layers",
    "algo.scale_advantage": "algo.advantage.scale",
    "algo.advantage_clip": "algo.advantage.clip",
    "algo.mask_constant_groups": "algo.advantage.mask_constant_groups",
    "algo.members": "algo.model.members",
    "algo.hidden": "algo.model.hidden",
    "algo.model_rate": "algo.model.rate",
    "algo.model_updates": "algo.model.updates",
    "algo.imagined_batches": "algo.imagination.batches",
    "algo.imagined_envs": "algo.imagination.n_envs",
    "algo.horizon": "algo.imagination.horizon",
    "algo.memory_coef": "algo.model.memory_coef",
    "algo.warm_up": "algo.model.warm_up",
    "algo.warm_up_updates": "algo.model.warm_up_updates",
    "algo.model_batch": "algo.model.batch",
    "algo.model_length": "algo.model.length",
    "algo.replay": "algo.model.replay",
    "algo.quantizer": "algo.vision.quantizer",
    "algo.groups": "algo.vision.groups",
    "algo.codes": "algo.vision.codes",
    "algo.code_dim": "algo.vision.code_dim",
    "algo.vision_hidden": "algo.vision.hidden",
    "algo.vision_pool": "algo.vision.pool",
    "algo.train_vision": "algo.vision.train",
    "algo.memory_width": "algo.memory.width",
    "algo.memory_layers": "algo.memory.layers",
    "algo.memory_heads": "algo.memory.heads",
    "algo.memory_window": "algo.memory.window",
    "algo.train_memory": "algo.memory.train",
    "algo.update": "algo.controller.update",
    "algo.controller": "algo.controller.layers",
    "algo.n_epochs": "algo.controller.n_epochs",
    "algo.batch_size": "algo.controller.batch_size",
    "algo.clip_range_vf": "algo.clip_range.value",
    "env.golden_folder": "env.reference_folder",
    "env.golden_gb": "env.reference_gb",
    "env.shift=seed": "env.shift=original",
    "experiment=seed_protocol": "experiment=original_protocol",
}
"""Former key, ``key=value`` or ``group=choice``, and what it is now."""


SHORTCUTS: dict[str, str] = {
    "algo.network": "algo.network.name",
    "algo.encoder": "algo.encoder.name",
    "algo.clip_range": "algo.clip_range.policy",
    "algo.vision": "algo.vision.path",
    "algo.memory": "algo.memory.path",
}
"""Sections that may be given a plain value on the command line, and the field it sets (see ``Section.main``)."""
ALIASES: dict[str, str] = {"algo.fast": "algo.network.fast"}
"""Settings with a second, shorter spelling on the command line."""


def now(key: str, value: object = None) -> str | None:
    """Say what a setting is called today; None for one that has not moved."""
    for former in (key, f"{key}={value}"):
        if former in MOVED_KEYS:
            return f"{former} is now {MOVED_KEYS[former]}"
    return None


def among(problems: Iterable[str]) -> Iterator[str]:
    """Yield what has moved of the settings that ``find_problems`` complains about, each as ``key: why``."""
    for problem in problems:
        key, _, value = problem.partition(": ")[0].partition("=")
        if said := now(key, value):
            yield said

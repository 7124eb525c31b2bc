"""Short runs of everything that ships, whose parameters and evaluation returns were recorded before the code was moved about.

``python tests/helpers/recorded_runs.py`` plays all of them (eleven minutes on a core) and tells which differ; with names, those.
``tests/golden/recorded_runs.json`` holds what they gave at commit c87d4a4. Bits of float32 sums hang on the processor's
vector instructions, so they are compared where these are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import torch

from rlsuite.config.schema import Pretraining
from rlsuite.config.settings import compose_settings
from rlsuite.experiment.pretraining import pretrain
from rlsuite.experiment.run import run

FILE = Path(__file__).parents[1] / "golden" / "recorded_runs.json"
SEEDS = (0, 1)
COMMON = "evaluation.episodes=2 evaluation.levels=[0,1] best_models=null checkpoint.every_s=1000"
RUNS = {
    "cartpole_ppo": """
        total_steps=6000
    """,
    "cartpole_ppo_fast": """
        algo.fast=true total_steps=8000
    """,
    "cartpole_a2c": """
        algo=a2c total_steps=6000
    """,
    "cartpole_dqn": """
        algo=dqn total_steps=4000 algo.buffer_size=2000 algo.n_steps=3
    """,
    "cartpole_qrdqn_gar": """
        algo=qrdqn technique=gar algo.n_envs=3 algo.n_quantiles=20 total_steps=4000 algo.buffer_size=3000
    """,
    "cartpole_ppo_recurrent": """
        algo=ppo_recurrent algo.lstm.hidden_size=16 algo.n_steps=64 total_steps=1600
    """,
    "cartpole_ars_dr_reg": """
        algo=ars algo.n_envs=3 technique=dr+reg total_steps=20000
    """,
    "cartpole_es_dr": """
        algo=es technique=dr total_steps=40000
    """,
    "cartpole_grpo": """
        env.max_steps=100 algo=grpo technique=dr+reg algo.groups=3 algo.kl_coef=0.01 total_steps=20000
    """,
    "cartpole_world_model": """
        algo=world_model total_steps=900 algo.n_envs=4 algo.n_steps=50 algo.model.warm_up=300
        algo.model.warm_up_updates=10 algo.model.updates=3 algo.model.replay=1000 technique=reg
        evaluation.every=400
    """,
    "cartpole_world_model_dyna": """
        algo=world_model_dyna total_steps=2000 algo.imagination.batches=10 algo.model.updates=20
        evaluation.every=1000
    """,
    "cartpole_random": """
        algo=random total_steps=100
    """,
    "cartpole_ppo_reg": """
        technique=reg total_steps=4000
    """,
    "cartpole_ppo_dropout": """
        technique=dropout total_steps=4000
    """,
    "cartpole_ppo_dr": """
        technique=dr total_steps=4000
    """,
    "cartpole_ppo_gar": """
        technique=gar total_steps=4000
    """,
    "cartpole_ppo_mask": """
        technique=mask total_steps=4000
    """,
    "cartpole_ppo_vrex": """
        technique=vrex total_steps=4000
    """,
    "cartpole_ppo_chain": """
        algo.n_envs=9 algo.n_steps=64 technique=reg+gar+dropout total_steps=4000 agreement.every=1500
    """,
    "cartpole_dqn_gar": """
        algo=dqn technique=gar algo.n_envs=3 total_steps=3000
    """,
    "cartpole_a2c_mask": """
        algo=a2c technique=mask algo.n_envs=6 total_steps=3000
    """,
    "cartpole_a2c_diagnostics": """
        algo=a2c total_steps=3000 diagnostics.every=1000
    """,
    "cartpole_wide_ppo": """
        env.shift=wide total_steps=4000
    """,
    "cartpole_linear_lr": """
        algo.lr_schedule=linear algo.normalize.reward=true total_steps=4000
    """,
    "minigrid_ppo": """
        env=minigrid total_steps=4000
    """,
    "minigrid_dqn": """
        env=minigrid algo=dqn total_steps=2500 algo.buffer_size=2000 algo.learning_starts=500
        env.max_steps=100
    """,
    "minigrid_es": """
        env=minigrid algo=es total_steps=20000 env.max_steps=50
    """,
    "minigrid_ppo_gar": """
        env=minigrid technique=gar total_steps=4000
    """,
    "starpilot_ppo_drac": """
        env=starpilot algo.network=nature evaluation.n_envs=2 technique=drac total_steps=600 algo.n_envs=6
        algo.n_steps=25 algo.batch_size=75 algo.n_epochs=1
    """,
    "starpilot_ppo_impoola": """
        env=starpilot technique=dr total_steps=300 algo.n_envs=6 algo.n_steps=25 algo.batch_size=75
        algo.n_epochs=1 evaluation.n_envs=2 evaluation.episodes=2
    """,
    "starpilot_dqn": """
        env=starpilot algo=dqn total_steps=400 algo.n_envs=4 algo.buffer_size=400 algo.learning_starts=100
        evaluation.n_envs=2
    """,
    "coinrun_ppo": """
        env=coinrun algo.network=nature technique=baseline total_steps=300 algo.n_envs=4 algo.n_steps=25
        algo.batch_size=50 algo.n_epochs=1 evaluation.n_envs=2
    """,
    "game2048_ppo": """
        env=game2048 env.max_tile=128 total_steps=3000 algo.n_envs=8 algo.n_steps=25 algo.batch_size=100
    """,
    "game2048_a2c": """
        env=game2048 env.max_tile=128 algo=a2c total_steps=4000 algo.learning_rate=7e-4
    """,
    "game2048_dqn": """
        env=game2048 env.max_tile=128 algo=dqn total_steps=1000 algo.n_envs=4 algo.buffer_size=800
        algo.batch_size=32 algo.learning_starts=100
    """,
    "game2048_td_ntuple": """
        env=game2048 env.max_tile=128 algo=td_ntuple total_steps=60000 algo.n_envs=64 algo.n_steps=50
        algo.patterns=[[0,1,2,3],[0,1,4,5]]
    """,
    "game2048_shaped": """
        env=game2048 env.max_tile=128 reward=shaped total_steps=2000 algo.n_envs=8 algo.n_steps=25
        algo.batch_size=100
    """,
    "game2048_log_score": """
        env=game2048 env.max_tile=128 reward=log_score total_steps=2000 algo.n_envs=8 algo.n_steps=25
        algo.batch_size=100
    """,
    "var_ppo": """
        env=var total_steps=320 algo.n_envs=8 algo.n_steps=8 algo.batch_size=32 env.pool=32
    """,
    "var_grpo": """
        env=var algo=grpo total_steps=400 algo.groups=4 algo.group_size=2 algo.batch_size=20 env.pool=32
    """,
    "var_multi": """
        env=var reward=multi total_steps=160 algo.n_envs=4 algo.n_steps=8 algo.batch_size=32 env.pool=16
    """,
    "var_quality_speed": """
        env=var reward=quality_speed total_steps=160 algo.n_envs=4 algo.n_steps=8 algo.batch_size=32
        env.pool=16
    """,
    "var_prune_ratio": """
        env=var reward=prune_ratio total_steps=160 algo.n_envs=4 algo.n_steps=8 algo.batch_size=32
        env.pool=16
    """,
    "var_fastvar": """
        env=var algo=fastvar total_steps=100 env.pool=16
    """,
    "var_constant": """
        env=var algo=constant total_steps=100 env.pool=16
    """,
    "arpg_grpo": """
        env=arpg algo=grpo env.action=count+positions env.lookahead=true total_steps=300 algo.groups=2
        algo.group_size=2 algo.batch_size=16 algo.kl_coef=0.01 evaluation.n_envs=2
    """,
    "arpg_weighted": """
        env=arpg algo=grpo reward=weighted_image total_steps=200 algo.groups=2 algo.group_size=2
        algo.batch_size=16 evaluation.n_envs=2
    """,
    "arpg_random": """
        env=arpg algo=random total_steps=50 evaluation.n_envs=2
    """,
    "sprites_ppo": """
        env=sprites technique=dr total_steps=12000 algo.n_envs=30
    """,
    "sprites_encoder_ppo": """
        env=sprites env.observation=image algo.encoder=sprites_reward algo.encoder.share=false
        algo.encoder.rate=0.3 algo.lr_schedule=linear total_steps=1600 algo.n_envs=8 algo.n_epochs=1
        algo.batch_size=80 diagnostics.every=640 diagnostics.n_envs=2 diagnostics.steps=4
    """,
    "sprites_image_ppo": """
        env=sprites env.observation=image total_steps=1600 algo.n_envs=8 algo.n_epochs=1 algo.batch_size=80
    """,
    "sprites_world_model": """
        env=sprites env.observation=image algo=world_model total_steps=400 algo.n_envs=4 algo.n_steps=50
        algo.model.warm_up=200 algo.model.warm_up_updates=3 algo.model.updates=1 algo.model.batch=4
        algo.planning.start_step=300 algo.planning.horizon=2 algo.vision.hidden=8 evaluation.levels=[0]
    """,
    "carracing_ppo": """
        env=carracing env.judged=patch env.patience=60 total_steps=320 algo.n_envs=4 algo.n_steps=40
        algo.n_epochs=1 algo.normalize.reward=true evaluation.n_envs=2 evaluation.levels=[0]
    """,
    "carracing_random": """
        env=carracing algo=random env.judged=patch env.patience=30 total_steps=20 evaluation.n_envs=2
        evaluation.levels=[0]
    """,
    "gym_ppo": """
        env=gym env.levels={1:{g:14}} total_steps=4000 algo.n_steps=100
    """,
    "original_protocol": """
        experiment=original_protocol env=cartpole algo=ppo total_steps=3000
    """,
}
PRETRAININGS = {
    "pretrain_var": """
        model=var model.classifier_steps=10 model.tokenizer_steps=5 model.transformer_steps=5
        model.quality_samples=20
    """,
    "pretrain_arpg": """
        model=arpg model.tokenizer_steps=5 model.transformer_steps=5 model.quality_samples=20
    """,
    "pretrain_contrastive": """
        model=contrastive model.steps=10
    """,
    "pretrain_vision": """
        model=vision env=cartpole model.updates=10 model.steps=400
    """,
    "pretrain_sprites": """
        model=sprites_encoder model.updates=[5,5] model.quality_sequences=20
    """,
    "pretrain_sprites_image": """
        model=sprites_image_encoder model.updates=[5,5] model.quality_sequences=20
    """,
}


def recorded() -> dict[str, dict]:
    """Return what was recorded, by ``name:seed``."""
    return json.loads(FILE.read_text())["runs"]


def same_processor() -> bool:
    """Tell whether this processor has the vector instructions of the one that recorded."""
    return json.loads(FILE.read_text())["cpu_capability"] == torch.backends.cpu.get_cpu_capability()


def played(name: str, seed: int) -> dict:
    """Play one run; return its parameters' hash and raw evaluation values, or the hashes of the weights it trained."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        folder.mkdir()
        if name in PRETRAININGS:
            pretrain(compose_settings([*PRETRAININGS[name].split(), f"seed={seed}"], Pretraining), folder)
            return {"weights": weights(folder)}
        run(compose_settings([*COMMON.split(), *RUNS[name].split(), f"seed={seed}"]), folder)
        found = json.loads((folder / "result.json").read_text())
    levels = [
        {
            "level": level["level"],
            **{
                mode: {key: level[mode][key] for key in ("returns", "lengths")}
                for mode in ("greedy", "sampled")
            },
        }
        for level in found["levels"]
    ]
    return {"levels": levels, **{key: found[key] for key in ("parameter_hash", "gas", "steps")}}


def weights(folder: Path) -> dict[str, str]:
    """Return sha256 over names and bytes of each weights file that a training left."""
    from safetensors.numpy import load_file

    files = [path for path in sorted(folder.rglob("*.safetensors")) if "checkpoint" not in path.parts]
    return {
        path.name: hashlib.sha256(
            b"".join(key.encode() + value.tobytes() for key, value in sorted(load_file(path).items()))
        ).hexdigest()
        for path in files
    }


def main() -> None:
    """Compare runs with what was recorded; fail if any differs."""
    names = sys.argv[1:] or [*RUNS, *PRETRAININGS]
    differing = [
        f"{name}:{seed}"
        for name in names
        for seed in SEEDS
        if f"{name}:{seed}" in recorded() and played(name, seed) != recorded()[f"{name}:{seed}"]
    ]
    print(f"{len(names) * len(SEEDS)} compared, {len(differing)} differ {' '.join(differing)}")
    sys.exit(bool(differing))


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    main()

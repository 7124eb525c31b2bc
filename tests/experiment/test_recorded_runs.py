"""A dozen of the runs that were recorded before the code was moved about: every one is the same to the last bit."""

import pytest
from recorded_runs import played, recorded, same_processor

NAMES = [
    "cartpole_ppo_chain",
    "cartpole_a2c_mask",
    "cartpole_qrdqn_gar",
    "cartpole_ars_dr_reg",
    "cartpole_grpo",
    "cartpole_world_model_dyna",
    "minigrid_es",
    "game2048_td_ntuple",
    "starpilot_dqn",
    "var_grpo",
    "arpg_weighted",
    "sprites_ppo",
    "gym_ppo",
    "pretrain_vision",
]


@pytest.mark.parametrize("name", NAMES)
def test_is_what_it_was(name: str) -> None:
    if not same_processor():
        pytest.skip("the recording's processor had other vector instructions: sums round otherwise here")
    assert played(name, 0) == recorded()[f"{name}:0"]

"""The examples do what they say."""

from pathlib import Path

import numpy as np

from rlsuite.config.settings import compose_settings
from rlsuite.experiment.run import run

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_an_env_from_outside_is_learnt_and_generalises_to_longer_corridors(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("RLSUITE_PACKAGES", "own_env")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    settings = ["env=corridor", "algo=ppo", "total_steps=10000", "evaluation.levels=[0,0.5,1]"]
    checked = compose_settings([*settings, "best_models=null"], config_dir=EXAMPLES / "conf")
    result = run(checked, tmp_path)
    assert result.status == "completed"
    for level, length in zip(result.levels, (6, 12, 20), strict=True):
        fewest = np.array(level["greedy"]["lengths"])
        assert (fewest <= length - 1).all()  # straight to the end, wherever it starts
        np.testing.assert_allclose(level["greedy"]["returns"], 1 - 0.01 * (fewest - 1), atol=1e-5)

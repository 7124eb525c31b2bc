"""What cannot be played, learned or read is refused before anything is built, naming the pair and the alternative."""

import importlib.util

import pytest

from rlsuite.check import find_problems
from rlsuite.config import compose
from rlsuite.envs import procgen_lanes

REFUSED = [
    ("evaluation.levels=[0,1.5]", "evaluation.levels[1]=1.5: must be a number >= 0 and <= 1"),
    ("technique=gar algo.n_envs=9 technique.gar.levels=[0,-1]", "technique.gar.levels[1]=-1: must be a number >= 0 and <= 1"),
    ("env=starpilot evaluation.levels=[0,0.3]", "algo=ppo with env=starpilot: level 0.3 is none of Procgen's; take 0, 0.25, 0.5, 0.75, 1"),
    ("env=starpilot technique=dr algo.n_envs=9 technique.dr.levels=[0,0.1,0.5]", "algo=ppo with env=starpilot: level 0.1 is none"),
    ("env=starpilot agreement.every=9 agreement.levels=[0,0.9]", "algo=ppo with env=starpilot: level 0.9 is none of Procgen's"),
    ("algo=es technique=vrex algo.population=18", "technique=vrex with algo=es: the algorithm serves baseline, dr, gar, reg only; "),
    ("algo=ars technique=gar algo.n_envs=3", "technique=gar with algo=ars: the algorithm serves baseline, dr, reg only; "),
    ("technique=gar algo.n_envs=8", "technique=gar with algo=ppo: its 3 levels (0, 0.25, 0.5) cannot have equally many of 8 lanes; "
                                    "take algo.n_envs=9 or algo.n_envs=6"),
    ("algo=es technique=dr algo.population=16", "technique=dr with algo=es: its 3 levels (0, 0.25, 0.5) cannot have equally many of "
                                                "algo.population=16; take algo.population=18 or algo.population=12"),
    ("env=cartpole algo.network=cnn", "algo.network=cnn with env=cartpole: it reads map or pixels observations, the env gives "
                                      "vector ones; take algo.network=auto"),
    ("env=minigrid algo=dqn algo.network=cnn", "algo.network=cnn with env=minigrid: it reads map or pixels observations, the env gives "
                                               "vector ones; take algo.network=auto"),
    ("env=game2048 algo=dqn algo.network=impoola", "algo.network=impoola with env=game2048: it reads pixels observations, the env "
                                                   "gives map ones; take algo.network=auto"),
    ("env=game2048 algo.observation_scale=[2.0]", "algo.observation_scale=[2.0] with env=game2048: it reads vector observations, the "
                                                  "env gives map ones; take algo.observation_scale=null"),
    ("technique=drac", "technique=drac with env=cartpole: it reads map or pixels observations, the env gives vector ones; "
                       "take technique=dr"),
    ("env=var algo=dqn", "algo=dqn with env=var: the env takes box actions, the algorithm discrete ones; take env.action=categorical"),
    ("algo=td_ntuple", "algo=td_ntuple with env=cartpole: it needs afterstates, which that env does not give; take algo=ppo"),
    ("reward=gated", "reward=gated with env=cartpole: it needs images, which that env does not give; take reward=env"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), REFUSED)
def test_is_refused_with_the_alternative(line: str, message: str) -> None:
    (problem,) = find_problems(compose(line.split()))
    assert problem.startswith(message)


@pytest.mark.parametrize(
    "line",
    ["env=game2048 algo.network=cnn", "env=starpilot algo.network=nature", "env=starpilot algo.network=cnn", "env=starpilot technique=drac",
     "env=cartpole algo.network=mlp", "algo.observation_scale=[2.0]", "algo=es technique=gar+reg algo.population=16"],
)  # fmt: skip
def test_is_allowed(line: str) -> None:
    assert not find_problems(compose(line.split()))


def test_missing_procgen_is_said_with_an_alternative(monkeypatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(procgen_lanes, "find_spec", lambda name: None if name == "procgen" else found(name))
    (problem,) = find_problems(compose(["env=starpilot"]))
    assert problem.startswith("algo=ppo with env=starpilot: the package procgen is not installed")
    assert problem.endswith("take env=cartpole or env=minigrid")

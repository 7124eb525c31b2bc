"""What cannot be played, learned or read is refused before anything is built, naming the pair and the alternative."""

import importlib.util

import pytest

from rlsuite.config.compose import compose
from rlsuite.config.validate import find_problems
from rlsuite.envs.procgen import vec_env
from rlsuite.generators.common.loading import GENERATOR_WEIGHTS

REFUSED = [
    ("evaluation.levels=[0,1.5]", "evaluation.levels[1]=1.5: must be a number >= 0 and <= 1"),
    (
        "technique=gar algo.n_envs=9 technique.gar.levels=[0,-1]",
        "technique.gar.levels[1]=-1: must be a number >= 0 and <= 1",
    ),
    (
        "env=starpilot evaluation.levels=[0,0.3]",
        "algo=ppo with env=starpilot: level 0.3 is none of Procgen's; take 0, 0.25, 0.5, 0.75, 1",
    ),
    (
        "env=starpilot technique=dr algo.n_envs=9 technique.dr.levels=[0,0.1,0.5]",
        "algo=ppo with env=starpilot: level 0.1 is none",
    ),
    (
        "env=starpilot agreement.every=9 agreement.levels=[0,0.9]",
        "algo=ppo with env=starpilot: level 0.9 is none of Procgen's",
    ),
    (
        "algo=es technique=vrex algo.population=18",
        "technique=vrex with algo=es: the algorithm serves baseline, dr, gar, reg only; ",
    ),
    (
        "technique=gar+dr algo.n_envs=9",
        "technique=dr+gar with algo=ppo: dr adds nothing to gar, which has levels; leave it out",
    ),
    (
        "evaluation.levels=[]",
        "evaluation.levels=[]: must be a list of 1 or more numbers, each greater than the one before",
    ),
    (
        "evaluation.levels=[1,0]",
        "evaluation.levels=[1, 0]: must be a list of 1 or more numbers, each greater than the one before",
    ),
    (
        "evaluation.levels=[0,0]",
        "evaluation.levels=[0, 0]: must be a list of 1 or more numbers, each greater than the one before",
    ),
    (
        "agreement.levels=[0.5]",
        "agreement.levels=[0.5]: must be a list of 2 or more numbers, each greater than the one before",
    ),
    ("algo.learning_rate=inf", "algo.learning_rate=inf: must be a number > 0"),
    (
        "algo=ars technique=gar algo.n_envs=3",
        "technique=gar with algo=ars: the algorithm serves baseline, dr, reg only; ",
    ),
    (
        "technique=gar algo.n_envs=8",
        "technique=gar with algo=ppo: its 3 levels (0, 0.25, 0.5) cannot have equally many of 8 envs; "
        "take algo.n_envs=9 or algo.n_envs=6",
    ),
    (
        "algo=es technique=dr algo.population=16",
        "technique=dr with algo=es: its 3 levels (0, 0.25, 0.5) cannot have equally many of "
        "algo.population=16; take algo.population=18 or algo.population=12",
    ),
    (
        "env=cartpole algo.network=cnn",
        "algo.network=cnn with env=cartpole: it reads map or pixels observations, the env gives "
        "vector ones; take algo.network=auto",
    ),
    (
        "env=minigrid algo=dqn algo.network=cnn",
        "algo.network=cnn with env=minigrid: it reads map or pixels observations, the env gives "
        "vector ones; take algo.network=auto",
    ),
    (
        "env=game2048 algo=dqn algo.network=impoola",
        "algo.network=impoola with env=game2048: it reads pixels observations, the env "
        "gives map ones; take algo.network=auto",
    ),
    (
        "env=game2048 algo.network.observation_scale=[2.0]",
        "algo.network.observation_scale=[2.0] with env=game2048: it reads vector observations, the "
        "env gives map ones; take algo.network.observation_scale=null",
    ),
    (
        "technique=drac",
        "technique=drac with env=cartpole: it reads map or pixels observations, the env gives vector ones; "
        "take technique=dr",
    ),
    (
        "env=sprites algo=dqn",
        "algo=dqn with env=sprites: the env takes box actions, the algorithm discrete ones; take algo=a2c or algo=ars or "
        "algo=constant or algo=es or algo=grpo or algo=ppo or",
    ),  # not fastvar: it needs images
    (
        "env=var algo=dqn",
        "algo=dqn with env=var: the env takes box actions, the algorithm discrete ones; take env.action=categorical",
    ),
    (
        "algo=td_ntuple",
        "algo=td_ntuple with env=cartpole: it needs afterstates, which that env does not give; take algo=ppo",
    ),
    ("env=var env.guidance=[1.5]", "env.guidance=[1.5]: must have 2 items"),
    (
        "env=var env.decide_from=99",
        "algo=ppo with env=var: env.decide_from=99 is no scale of this generator after the first: [2, 3, 4, 6, 8]",
    ),
    (
        "env=var env.unseen_classes=[77]",
        "algo=ppo with env=var: env.unseen_classes=[77]: the generator's classes are 0 to 9, and",
    ),
    (
        "env=var env.unseen_classes=[0,1,2,3,4,5,6,7,8,9]",
        "algo=ppo with env=var: env.unseen_classes=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]: the",
    ),
    (
        "env=arpg env.unseen_classes=[77]",
        "algo=ppo with env=arpg: env.unseen_classes=[77]: the generator's classes are 0 to 9, and",
    ),
    (
        "env=var env.generator.cache_side=7",
        f"env=var: {GENERATOR_WEIGHTS}/var_digits: cache_side=7 is no scale of this model",
    ),
    (
        "env=var env/generator=arpg_digits",
        "algo=ppo with env=var: env.generator must make images scale by scale, which this one does not",
    ),
    (
        "env=arpg env/generator=var_digits",
        "algo=ppo with env=arpg: env.generator must decode tokens in any order, which this one does not",
    ),
    (
        "env=var env.action=categorical env.sampling=true",
        "algo=ppo with env=var: env.sampling=true needs env.action=ratio or ",
    ),
    ("env=var reward.lo=26 reward.hi=26", "reward.lo must be below reward.hi for psnr, not 26 and 26"),
    (
        "env=var reward.measure=lpips reward.lo=0.6 reward.hi=0",
        "reward.measure=lpips needs weights: env.lpips={_target_: rlsuite.generators.scorers.lpips",
    ),
    (
        "env=var reward.measure=frechet reward.lo=9 reward.hi=0 env.classifier=null",
        "reward.measure=frechet needs a classifier with ",
    ),
    ("env=arpg reward.lo=1", "reward.lo must be below reward.hi, not 1 and 0.75"),
    (
        "reward=gated",
        "reward=gated with env=cartpole: it needs images, which that env does not give; take reward=env",
    ),
]


@pytest.mark.parametrize(("line", "message"), REFUSED)
def test_is_refused_with_the_alternative(line: str, message: str) -> None:
    (problem,) = find_problems(compose(line.split()))
    assert problem.startswith(message)


@pytest.mark.parametrize(
    "line",
    [
        "env=game2048 algo.network=cnn",
        "env=starpilot algo.network=nature",
        "env=starpilot algo.network=cnn",
        "env=starpilot technique=drac",
        "env=cartpole algo.network=mlp",
        "algo.network.observation_scale=[2.0]",
        "algo=es technique=gar+reg algo.population=16",
    ],
)
def test_is_allowed(line: str) -> None:
    assert not find_problems(compose(line.split()))


GENERATORS = [
    ("env=var env/generator=var_d16", "vae_weights or vae_ch160v4096z32", "weights or var_d16"),
    ("env=var env/generator=infinity_2b", "vae_weights or infinity_vae_d32reg", "weights or infinity_2b_reg"),
    ("env=arpg env/generator=arpg_l", "vq_weights or vq_ds16_c2i", "weights or arpg_300m"),
    ("env=var", "config.json", None),
    ("env=arpg", "config.json", None),
]


@pytest.mark.parametrize(("line", "first", "second"), GENERATORS)
def test_missing_generator_is_said_with_the_files_it_wants(
    line: str, first: str, second: str | None, tmp_path
) -> None:
    def problem(folder) -> str:
        (found,) = find_problems(compose([*line.split(), f"env.generator.path={folder}"]))
        return found

    start = f"{line.split()[0]}: env.generator.path={tmp_path}"
    assert problem(tmp_path / "nowhere").startswith(f"{start}/nowhere: no such folder; it must hold {first}")
    assert problem(tmp_path).startswith(f"{start}: no such file; it must hold {first}")
    if second:
        (tmp_path / f"{first.split()[-1]}.pth").touch()
        assert problem(tmp_path).startswith(f"{start}: no such file; it must hold {second}")


def test_an_outlined_generator_knows_its_scales_and_prompts(tmp_path) -> None:
    for name in ("infinity_vae_d32reg.pth", "infinity_2b_reg.pth"):
        (tmp_path / name).touch()
    (tmp_path / "prompts.txt").write_text("a cat\na dog\n")
    line = ["env=var", "env/generator=infinity_2b", f"env.generator.path={tmp_path}", "env.classifier=null"]
    texts = [f"env.generator.prompts={tmp_path}/prompts.txt", f"env.generator.text_encoder={tmp_path}"]
    (problem,) = find_problems(compose(line))
    assert problem.startswith("env=var: an Infinity needs text: env.generator.text_features=")
    (problem,) = find_problems(compose([*line, *texts]))
    assert "env.unseen_classes=[7, 8, 9]: the generator's classes are 0 to 1" in problem
    assert not find_problems(compose([*line, *texts, "env.unseen_classes=[1]"]))


def test_missing_procgen_is_said_with_an_alternative(monkeypatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(vec_env, "find_spec", lambda name: None if name == "procgen" else found(name))
    (problem,) = find_problems(compose(["env=starpilot"]))
    assert problem.startswith("algo=ppo with env=starpilot: the package procgen is not installed")
    assert problem.endswith("take env=cartpole or env=minigrid")

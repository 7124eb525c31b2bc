"""What an interface refuses where a class is defined, and what check says of a class that derives from none."""

from collections.abc import Iterator

import pytest
from omegaconf import OmegaConf

from rlsuite.config.compose import compose
from rlsuite.config.validate import find_problems
from rlsuite.core.interfaces import NO_USE, Agent, Generator, Reward, Task, Technique, Use


def define(interface: type, **body: object) -> type:
    return type("Mine", (interface,), {"__module__": "mypkg", **body})


def method(self) -> None: ...


MISSPELT = [
    (Task, "score_rnge", "score_range"),
    (Agent, "writes_logs", "writes_log"),
    (Technique, "backwards", "backward"),
    (Reward, "measures", "measure"),
    (Generator, "decodes", "decode"),
]


@pytest.mark.parametrize(("interface", "wrong", "right"), MISSPELT)
def test_misspelt_hook_is_refused_with_the_right_one(interface, wrong: str, right: str) -> None:
    with pytest.raises(TypeError) as error:
        define(interface, **{wrong: method})
    said = f"mypkg.Mine.{wrong}: {interface.__name__} has no such hook; did you mean {right}?"
    assert str(error.value) == said


def test_misspelt_annotation_is_refused_too() -> None:
    with pytest.raises(
        TypeError, match=r"Mine\.frame_stak: Task has no such hook; did you mean frame_stack\?"
    ):
        define(Task, __annotations__={"frame_stak": int})


FORMER = [
    (Task, "refusals", "problems"),
    (Task, "judged_as", "evaluation_task"),
    (Task, "headline", "progress_metric"),
    (Agent, "lanes", "n_envs_setting"),
    (Reward, "lacks", "problems"),
]


@pytest.mark.parametrize(("interface", "former", "now"), FORMER)
def test_former_name_is_refused_with_the_present_one(interface, former: str, now: str) -> None:
    with pytest.raises(TypeError) as error:
        define(interface, **{former: method})
    assert str(error.value) == f"mypkg.Mine.{former}: this hook of {interface.__name__} is now {now}"


@pytest.mark.parametrize(
    ("interface", "hook"), [(Task, "action_kind"), (Task, "observation_kind"), (Reward, "problems")]
)
def test_static_hook_must_be_static(interface, hook: str) -> None:
    with pytest.raises(TypeError) as error:
        define(interface, **{hook: method})
    assert str(error.value) == f"mypkg.Mine.{hook}: {interface.__name__} declares it as a staticmethod"


def test_correct_class_is_defined_built_and_asked() -> None:
    class Mine(Reward):
        bonus = 1.0  # its own: close to no hook

        def __call__(self, transition):
            return transition.env_reward + self.bonus

        @staticmethod
        def problems(use: Use = NO_USE, /, **settings: object) -> Iterator[str]:
            if settings.get("bonus") == 0:
                yield "reward.bonus=0 pays nothing"

    assert Mine().terms(None) == {}
    assert Mine.interface is Reward
    assert list(Mine.problems(bonus=0)) == ["reward.bonus=0 pays nothing"]
    assert not list(Mine.problems())


def test_class_that_lacks_a_required_hook_is_not_built() -> None:
    with pytest.raises(TypeError, match="abstract"):
        define(Task)()


NO_SUCH = [
    ("env", {"_target_": "suite_fakes.Part"}, "Task"),
    ("algo", {"_target_": "suite_fakes.Part"}, "Agent"),
    ("reward", {"_target_": "suite_fakes.Part"}, "Reward"),
    ("env", {"_target_": "suite_fakes.function", "size": 1}, "Task"),
]


@pytest.mark.parametrize(("group", "node", "interface"), NO_SUCH)
def test_check_refuses_what_does_not_derive(group: str, node: dict, interface: str, monkeypatch) -> None:
    monkeypatch.setenv("RLSUITE_PACKAGES", "suite_fakes")
    cfg = compose(["env=cartpole", "algo=random"])
    cfg = OmegaConf.create(OmegaConf.to_container(cfg))
    cfg[group] = node
    (problem,) = find_problems(cfg)
    assert problem.startswith(
        f"{group}._target_: {node['_target_']} is no {interface}; derive it from rlsuite.core.interfaces."
    )
    assert problem.endswith(f".{interface}")

"""Generators and pre-trainings implement the declared interfaces."""

from importlib import import_module
from pathlib import Path

import pytest
import yaml

from rlsuite.core.interfaces import Generator, ModelPretraining
from rlsuite.generators.arpg.generator import RandomOrder
from rlsuite.generators.infinity.generator import Bitwise
from rlsuite.generators.var.generator import NextScale
from rlsuite.generators.var.presets import load_var

MODELS = Path(__file__).parents[3] / "conf" / "model"


@pytest.mark.parametrize("generator", [NextScale, Bitwise, RandomOrder])
def test_generator_implements_the_interface(generator: type) -> None:
    assert issubclass(generator, Generator)


@pytest.mark.parametrize("choice", sorted(path.stem for path in MODELS.glob("*.yaml")))
def test_every_choice_of_model_is_a_pretraining(choice: str) -> None:
    target = yaml.safe_load((MODELS / f"{choice}.yaml").read_text()).get("_target_")
    if target is None:  # it inherits another choice's
        return
    module, _, name = target.rpartition(".")
    assert issubclass(getattr(import_module(module), name), ModelPretraining)


def test_a_state_stays_valid_after_a_step() -> None:
    generator: Generator = load_var()
    first = generator.begin([3], [0])
    generator.step(first, 0.0)
    assert not first.done
    image = generator.decode(first)
    assert image.shape[0] == 1
    assert image.min() >= 0 and image.max() <= 1


def test_a_misspelt_hook_is_refused() -> None:
    with pytest.raises(TypeError, match="did you mean update"):
        type("Misspelt", (ModelPretraining,), {"updates": lambda self: {}})

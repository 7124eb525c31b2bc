"""Every choice of the command line has its three files, and every env its page."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGES = {"env": "envs", "algo": "algos", "technique": "techniques", "reward": "rewards"}
CHOICES = [
    (group, file.stem) for group in PACKAGES for file in sorted((ROOT / "conf" / group).glob("*.yaml"))
]


def places(root: Path, group: str, name: str, prefix: str = "") -> list[Path]:
    """Return where a choice's module, or with a prefix its tests, may stand: a file, or the files of a package."""
    folder = root / PACKAGES[group]
    return [*folder.glob(f"{prefix}{name}.py"), *(folder / name).glob(f"{prefix}*.py")]


def target(node: dict) -> str | None:
    """Return the first ``_target_`` of a yaml; a technique's stands one level down."""
    nested = (value for value in node.values() if isinstance(value, dict))
    return node.get("_target_") or next((found for value in nested if (found := target(value))), None)


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_choice_has_a_module_of_its_name_and_a_test(group: str, name: str) -> None:
    assert places(ROOT / "rlsuite", group, name), "no module"
    assert places(ROOT / "tests", group, name, "test_"), "no test file"
    node = yaml.safe_load((ROOT / "conf" / group / f"{name}.yaml").read_text())
    built = target(node.get(group, node))
    if built:  # a choice that begins from another builds what that one does
        assert f".{PACKAGES[group]}.{name}." in built, built


def test_there_is_something_to_hold_the_rule_for() -> None:
    assert {group for group, _ in CHOICES} == set(PACKAGES)

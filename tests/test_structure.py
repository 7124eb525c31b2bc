"""Who may import whom: each package only what stands to its left. And the house in numbers."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts"))
import structure  # noqa: E402

ORDER = [
    {"core"},
    {"metrics"},
    {"rewards", "networks"},
    {"generators", "worldmodel", "representation"},
    {"envs", "techniques"},
    {"algos"},
    {"config"},
    {"runs"},
    {"experiment"},
    {"launch"},
    {"train", "evaluate", "pretrain", "status"},
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
ANALYSIS_SEES = {"core", "metrics", "runs", "analysis"}
LAZY = {
    "rlsuite.analysis.__main__",  # pandas and the report: `--help` answers at once
    "rlsuite.config.compose",  # Hydra's parser
    "rlsuite.envs.sprites.task",  # torch, for an encoder only
    "rlsuite.launch.cli",  # what `--help` does not need
    "rlsuite.launch.jobs.entry_points",  # torch: a parent that only forks or submits needs none
    "rlsuite.techniques.chain",  # torch
    "hydra_plugins.rlsuite.launcher",  # Hydra imports its plugins in every command
}
"""Modules that load some of our own when they are needed: heavy packages hang on them."""
HEAVY = {
    "torch",
    "stable_baselines3",
    "sb3_contrib",
    "gymnasium",
    "minigrid",
    "procgen",
    "pandas",
    "matplotlib",
    "sklearn",
}
LIGHT = ("core", "config", "launch", "train", "evaluate", "pretrain", "status")
NEEDS_HEAVY = {
    "rlsuite.core.seeding",
    "rlsuite.core.hardware",
    "rlsuite.core.spaces",
}  # loaded by what runs only


def package(module):
    return module.split(".")[1] if "." in module else ""


def loads(tree):
    """Yield the modules that a syntax tree imports when it is imported itself."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("module", [name for name in structure.modules() if name.startswith("rlsuite.")])
def test_module_imports_only_from_its_left(module):
    own = package(module)
    for other in structure.graph()[module]:
        theirs = package(other)
        if theirs in ("", own):
            continue
        if own == "analysis":
            assert theirs in ANALYSIS_SEES, f"{module} imports {other}"
        else:
            assert LEVEL[theirs] < LEVEL[own], f"{module} imports {other}"


def test_every_package_has_its_place():
    assert {package(name) for name in structure.modules() if name.startswith("rlsuite.")} == {
        *LEVEL,
        "analysis",
    }


def test_only_the_listed_modules_import_ours_inside_functions():
    assert {line.split(" <- ")[0] for line in structure.lazy()} <= LAZY


@pytest.mark.parametrize(
    "module", [name for name in structure.modules() if package(name) in LIGHT and name not in NEEDS_HEAVY]
)
def test_what_answers_help_imports_nothing_heavy(module):
    loaded = set(loads(structure.tree(structure.modules()[module])))
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    ours = {package(name) for name in loaded if name.startswith("rlsuite.")}
    assert ours <= {"", "core", "config", "runs", "launch", "experiment"} - {"experiment"}


@pytest.mark.parametrize("module", list(structure.modules()))
def test_module_is_short(module):
    assert len(structure.modules()[module].read_text().splitlines()) <= 300


@pytest.mark.parametrize("name", ["train", "evaluate", "pretrain", "status"])
def test_entry_point_defines_no_class(name):
    nodes = ast.walk(structure.tree(structure.modules()[f"rlsuite.{name}"]))
    assert not [node for node in nodes if isinstance(node, ast.ClassDef)]

"""Trees of generated runs, by the generator the benchmark uses."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def aggregate():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("aggregate", ROOT / "benchmarks" / "speed" / "aggregate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tree(aggregate, tmp_path_factory):
    """2 envs x ppo, es x 5 techniques x 5 seeds; es ignores gar. Not to be changed."""
    root = tmp_path_factory.mktemp("tree")
    aggregate.generate(root, envs=2, seeds=5, algos=("ppo", "es"))
    return root

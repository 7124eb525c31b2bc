"""Who may import whom: each module only what stands to its left."""

import ast
from pathlib import Path

import pytest

import rlsuite

ROOT = Path(rlsuite.__file__).parent
LAYERS = [
    {"contracts", "metrics", "seeding", "suggest", "files", "hardware", "terminal"},
    {"rewards", "networks"},
    {"generators", "worldmodel", "representation"},
    {"envs", "techniques"},
    {"algos"},
    {
        *(
            "config",
            "annotations",
            "check",
            "choices",
            "commandline",
            "naming",
            "pairs",
            "plan",
            "schema",
            "targets",
        ),
        *(
            "result",
            "callbacks",
            "checkpoint",
            "recording",
            "rollouts",
            "probing",
            "diagnosing",
            "figures",
            "best",
        ),
        *("forecast", "frozen", "lease", "runs", "slurm", "stopping", "sweep", "tracking"),
    },
    {"run"},
    {"comparison", "pretraining"},
    {"launch", "train", "evaluate", "pretrain", "status", "job", "processes", "queues"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
MIXED = (0, 5, 8)
"""Layers of single modules that work together; the packages of the others do not import their neighbours."""
LIGHT = (
    "config",
    "annotations",
    "check",
    "choices",
    "commandline",
    "naming",
    "pairs",
    "plan",
    "schema",
    "targets",
    "suggest",
    *("forecast", "frozen", "lease", "runs", "slurm", "stopping", "sweep"),
)
STARTERS = ("contracts", "launch", "train", "evaluate", "pretrain", "status", "job", "processes", "queues")
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

FILES = sorted(ROOT.rglob("*.py"))


def layer(file):
    return file.relative_to(ROOT).with_suffix("").parts[0]


def imports(tree):
    """Yield the dotted names a syntax tree imports; ``from rlsuite import x`` counts as ``rlsuite.x``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import_time(tree):
    """Return the module without its functions and without what only type checkers see."""
    kept = []
    for node in tree.body:
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if not guarded and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            kept.append(node)
    return ast.Module(kept, [])


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_module_imports_only_from_its_left(file):
    own = layer(file)
    if own == "__init__":
        return
    assert own in LEVEL or own == "analysis", f"{own} has no place in LAYERS"
    for name in imports(ast.parse(file.read_text())):
        package, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if (
            package != "rlsuite"
            or other in ("", own)
            or (not (ROOT / other).exists() and not (ROOT / f"{other}.py").exists())
        ):
            continue
        if own == "analysis":
            assert other in {"result", "metrics"} | LAYERS[0], f"analysis imports {name}"
            continue
        left = LEVEL[other] < LEVEL[own] or (LEVEL[other] == LEVEL[own] and LEVEL[own] in MIXED)
        assert left, f"{own} imports {name}"
        assert {own, other} != {"envs", "algos"}, "envs and algos meet in run.py only"


@pytest.mark.parametrize("name", [*LIGHT, *STARTERS])
def test_what_answers_help_imports_nothing_heavy(name):
    file = ROOT / f"{name}.py"
    if not file.exists():
        pytest.skip(f"no {name} yet")
    loaded = {dotted.partition(".")[0] for dotted in imports(at_import_time(ast.parse(file.read_text())))}
    assert not loaded & HEAVY
    ours = {
        d.split(".")[1]
        for d in imports(at_import_time(ast.parse(file.read_text())))
        if d.startswith("rlsuite.")
    }
    assert not ours & {
        "run",
        "algos",
        "envs",
        "generators",
        "callbacks",
        "checkpoint",
        "rollouts",
        "recording",
        "probing",
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_module_is_short(file):
    assert len(file.read_text().splitlines()) <= 300


@pytest.mark.parametrize("name", ["train", "evaluate", "pretrain"])
def test_entry_point_defines_no_class(name):
    file = ROOT / f"{name}.py"
    if not file.exists():
        pytest.skip(f"no {name} yet")
    assert not [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef)]

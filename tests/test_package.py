"""The wheel: it holds the yaml files and the weights, and its console script works where nothing else is."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

import rlsuite

ROOT = Path(rlsuite.__file__).parents[1]


def call(*command, cwd, **env):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | env
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, ROOT, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bin_dir(wheel, tmp_path_factory):
    """A fresh environment with the wheel; its dependencies are borrowed from this one, so no index is asked."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    done = call(
        sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    # a plain path entry: the .pth files in it, such as that of an editable install, are not read
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_wheel_holds_conf_and_weights_and_nothing_of_the_checkout(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for file in (ROOT / "conf").rglob("*.yaml"):
        assert f"rlsuite/conf/{file.relative_to(ROOT / 'conf')}" in names
    assert "hydra_plugins/rlsuite/chains.py" in names
    assert {"rlsuite/analysis/report.css", "rlsuite/analysis/report.js"} <= set(names)
    for file in (ROOT / "rlsuite").rglob("*.safetensors"):
        assert str(file.relative_to(ROOT)) in names
    assert not [name for name in names if name.startswith(("tests/", "outputs/", "conf/"))]
    assert "rlsuite/py.typed" in names
    (facts,) = [name for name in names if name.endswith("dist-info/METADATA")]
    said = zipfile.ZipFile(wheel).read(facts).decode()
    assert "License-Expression: MIT" in said and "Author: rlsuite developers" in said
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_source_archive_holds_what_the_shell_promises(tmp_path):
    done = call(
        sys.executable, "-m", "build", "--sdist", "--no-isolation", "-o", tmp_path, ROOT, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "CITATION.cff", "README.md", "rlsuite/py.typed", "conf/config.yaml"} <= names


def test_citation_names_the_version_that_is_installed():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (cited["version"], cited["license"]) == (rlsuite.__version__, "MIT")


def test_types_of_the_installed_wheel_are_seen_by_a_checker(bin_dir, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from rlsuite.metrics import grs\n"
        "right: dict[str, float | None] = grs([0.0, 1.0], [2.0, 1.0])\n"
        "wrong: int = grs([0.0, 1.0], [2.0, 1.0])\n"
    )
    checker = [sys.executable, "-m", "mypy", "--python-executable", bin_dir / "python"]
    quick = ["--follow-imports=silent", "--ignore-missing-imports", "--cache-dir", tmp_path / "cache"]
    done = call(*checker, *quick, script, cwd=tmp_path)
    assert done.stdout.count("error:") == 1, done.stdout + done.stderr
    assert (
        'script.py:3: error: Incompatible types in assignment (expression has type "dict[str, float | None]"'
        in done.stdout
    )


def test_installed_script_runs_with_the_users_own_yaml_in_an_empty_folder(bin_dir, tmp_path):
    own = tmp_path / "own" / "env"
    own.mkdir(parents=True)
    (own / "short.yaml").write_text("_target_: rlsuite.envs.cartpole.CartPole\nmax_steps: 7\n")
    work = tmp_path / "work"
    work.mkdir()
    script = bin_dir / "rlsuite-train"
    where = call(
        bin_dir / "python", "-c", "import rlsuite.config.compose as c; print(c.conf_dir())", cwd=work
    )
    assert str(bin_dir.parent) in where.stdout, where.stderr
    shown = call(script, "--help", cwd=work)
    assert shown.returncode == 0, shown.stderr
    assert "\nenv:\n" in shown.stdout
    small = ["algo=random", "total_steps=64", "evaluation.episodes=1", "evaluation.levels=[0]"]
    done = call(script, "--config-dir", own.parent, "env=short", *small, cwd=work)
    assert done.returncode == 0, done.stderr
    (result,) = work.glob("outputs/short-random-baseline-s0-*/result.json")
    assert '"max_steps": 7' in result.read_text()
    refused = call(script, "technique=reg+dropout+gaar", cwd=work)  # the wheel's config source knows chains
    assert "no such choice as gaar; did you mean gar?" in refused.stderr
    shown = call(script, "technique=reg+dropout", "--cfg", "job", cwd=work)
    assert "rlsuite.techniques.reg.Reg" in shown.stdout, shown.stderr
    assert [path.name for path in work.iterdir()] == ["outputs"]

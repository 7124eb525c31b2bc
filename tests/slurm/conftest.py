"""A real SLURM of three virtual nodes for these tests, by scripts/slurm_local.sh; without its programs they are skipped."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from sweeps import MAX_ARRAY, SMALL, STEPS, command, results

SCRIPT = Path(__file__).parents[2] / "scripts" / "slurm_local.sh"
PROGRAMS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "sbatch")
SEEDS = 6


@pytest.fixture(scope="session", autouse=True)
def cluster():
    """Bring the cluster up and take it down; arrays hold at most ``MAX_ARRAY`` tasks. Yields its settings."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if missing:
        reason = f"no SLURM here ({', '.join(missing)} missing): scripts/slurm_local.sh install"
        assert not os.environ.get("RLSUITE_NEEDS_SLURM"), reason
        pytest.skip(reason)
    folder = tempfile.mkdtemp(prefix="rlsuite_slurm_", dir="/tmp")
    os.chmod(folder, 0o755)  # munge's clients must be able to enter
    settings = {
        "SLURM_LOCAL_DIR": folder,
        "MAX_ARRAY": str(MAX_ARRAY),
        "PORT": os.environ.get("RLSUITE_SLURM_PORT", "19100"),
    }
    os.environ |= settings | {"SLURM_CONF": f"{folder}/slurm.conf"}
    subprocess.run([SCRIPT, "up"], check=True, timeout=120)
    yield settings
    subprocess.run([SCRIPT, "down"], check=True, timeout=120)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, cluster) -> dict:
    """What a sweep of all seeds gives that nothing happens to, in processes on this machine, by the run's name."""
    cwd = tmp_path_factory.mktemp("undisturbed")
    done = command(*SMALL, STEPS, f"seed=range({SEEDS})", "hardware=pool", cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert len(results(cwd)) == SEEDS
    return results(cwd)


@pytest.fixture
def expected(undisturbed):
    """Pick the results of some seeds."""
    return lambda *seeds: {
        name: undisturbed[name] for name in undisturbed if any(f"-s{s}-" in name for s in seeds)
    }


@pytest.fixture
def slurm():
    """Call a SLURM command and return what it prints."""

    def call(*words: str) -> str:
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout

    return call


@pytest.fixture
def job_id():
    """Return what SLURM calls the job of a run folder."""
    import json

    return lambda folder: json.loads((Path(folder) / "job.json").read_text())["id"]

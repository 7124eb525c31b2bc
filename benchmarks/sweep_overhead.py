"""What a sweep costs beside its runs: seconds a job above Hydra's own launcher, seconds to check a plan of 200 jobs.

The same tiny runs go through Hydra's basic launcher, which calls them one after the other in its own process and survives
none that dies, and through ours (a process, a frozen config, a lease and a heartbeat each). Seconds a job are the slope
between a short and a long sweep, so that start-up cancels; the two launchers alternate. CPU seconds of the whole process
tree are what counts, since they hold on a busy machine too; wall seconds stand beside them.

    python benchmarks/sweep_overhead.py --jobs 20 --repeats 3
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from record import write

ROOT = Path(__file__).resolve().parents[1]
TINY = ["env=cartpole", "algo=random", "total_steps=64", "evaluation.episodes=1", "evaluation.levels=[0]"]
BARE = """
import hydra
from pathlib import Path
from hydra.core.hydra_config import HydraConfig
from rlsuite.config.compose import conf_dir
from rlsuite.config.schema import Training
from rlsuite.config.settings import read
from rlsuite.experiment.run import run
@hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")
def main(cfg):
    run(read(cfg, Training), Path(HydraConfig.get().runtime.output_dir))
main()
"""
BASIC = "hydra.launcher._target_=hydra._internal.core_plugins.basic_launcher.BasicLauncher"
LIMITS = {"overhead_cpu_s_per_job": 1.0, "plan_of_200_cpu_s": 30.0}


def seconds(n_jobs: int, bare: bool) -> np.ndarray:
    """Return the CPU and the wall seconds of a sweep of ``n_jobs`` in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bare.py").write_text(BARE)
        program = ["bare.py", "-m", BASIC] if bare else ["-m", "rlsuite.train", "-m"]
        line = [sys.executable, *program, *TINY, f"seed=range({n_jobs})"]
        begun = used()
        subprocess.run(line, cwd=folder, check=True, capture_output=True)
        return used() - begun


def used() -> np.ndarray:
    """Return the CPU seconds of all ended children so far, and the time."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array([children.ru_utime + children.ru_stime, time.perf_counter()])


def plan_seconds() -> list[float]:
    """Return the CPU and wall seconds to compose and check 200 jobs, in a process that has nothing loaded."""
    script = (
        "import time; begun = time.perf_counter()\n"
        "from rlsuite.launch.plan import Command, make_plan\n"
        "techniques = 'technique=baseline,reg,dropout,reg+dropout,gar'\n"
        "line = ['env=cartpole,game2048', 'algo=ppo,dqn', techniques, 'algo.n_envs=9', 'seed=range(10)']\n"
        "plan = make_plan(Command(line, multirun=True))\n"
        "assert len(plan.jobs) == 200\n"
        "print(time.process_time(), time.perf_counter() - begun)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    slopes: dict[str, list[np.ndarray]] = {"bare": [], "rlsuite": []}
    for _ in range(args.repeats):
        for name, bare in (("bare", True), ("rlsuite", False)):
            slopes[name].append((seconds(args.jobs + 1, bare) - seconds(1, bare)) / args.jobs)
    cpu, wall = np.median(slopes["rlsuite"], axis=0) - np.median(slopes["bare"], axis=0)
    plan_cpu, plan_wall = plan_seconds()
    measured = {"overhead_cpu_s_per_job": cpu, "plan_of_200_cpu_s": plan_cpu}
    write(
        "sweep_overhead",
        {
            "limits": LIMITS,
            **{key: round(float(value), 3) for key, value in measured.items()},
            "overhead_wall_s_per_job": round(float(wall), 3),
            "plan_of_200_wall_s": round(plan_wall, 1),
            "cpu_and_wall_s_per_job": {name: np.round(values, 3).tolist() for name, values in slopes.items()},
            "jobs": args.jobs,
            "load_average": os.getloadavg()[0],
        },
    )
    sys.exit(any(measured[key] > limit for key, limit in LIMITS.items()))


if __name__ == "__main__":
    main()

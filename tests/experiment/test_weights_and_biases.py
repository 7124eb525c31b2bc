"""Weights & Biases in its offline mode: everything is mirrored, and no run is changed or lost by it."""

import csv
import json
import logging
import struct
from importlib.util import find_spec
from pathlib import Path

import pytest

from rlsuite.config import machine, run_id
from rlsuite.config.compose import compose
from rlsuite.config.machine import not_installed
from rlsuite.config.settings import compose_settings
from rlsuite.config.validate import find_problems
from rlsuite.core.signals import Interrupted
from rlsuite.experiment.run import run
from rlsuite.experiment.weights_and_biases import result_summary
from rlsuite.runs.result import Result

SMALL = [
    "total_steps=512",
    "algo.n_envs=8",
    "algo.n_steps=32",
    "evaluation.episodes=2",
    "evaluation.levels=[0,1]",
]
OFFLINE = ["wandb.mode=offline", "wandb.project=tests", "wandb.tags=[one,two]"]
HEADER, BLOCK, WHOLE, LAST = 7, 32768, 1, 4
needs_wandb = pytest.mark.skipif(not_installed("wandb"), reason="needs rlsuite[wandb]")


def records(file: Path):
    """Yield the protobuf records of a ``.wandb`` file: LevelDB's log format after a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts = file.read_bytes(), HEADER, b""
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:  # no header fits into the end of a block
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + HEADER])
        parts += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (WHOLE, LAST):
            yield Record.FromString(parts)
            parts = b""


def values(items):
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def mirrored(folder: Path) -> list[dict]:
    """Return what W&B holds of each process of a run: its start, its rows by step, its final numbers."""
    import wandb

    wandb.teardown()  # as at a process's end: the files are closed
    found = []
    for file in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        piece = {"start": None, "rows": {}, "summary": {}, "exit": None}
        for record in records(file):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                piece["start"] = record.run
            elif kind == "history":
                row = values(record.history.item)
                piece["rows"].setdefault(row["_step"], {}).update(row)
            elif kind == "summary":
                piece["summary"].update(values(record.summary.update))
            elif kind == "exit":
                piece["exit"] = record.exit.exit_code
        found.append(piece)
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plain") / "run"
    run(compose_settings(SMALL), folder)
    return folder


@pytest.fixture(scope="module")
def tracked(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tracked") / "run"
    run(compose_settings([*SMALL, *OFFLINE]), folder)
    return folder


@needs_wandb
def test_it_changes_no_bit_and_no_name(plain: Path, tracked: Path) -> None:
    one, other = (Result.read(folder / "result.json") for folder in (plain, tracked))
    assert one.parameter_hash == other.parameter_hash
    assert one.levels == other.levels
    assert (plain / "history.csv").read_text() == (tracked / "history.csv").read_text()


def test_it_is_not_in_the_hash() -> None:
    assert run_id.config_hash(compose(SMALL)) == run_id.config_hash(compose([*SMALL, *OFFLINE]))


@needs_wandb
def test_every_row_of_the_history_is_there_at_its_step(tracked: Path) -> None:
    (piece,) = mirrored(tracked)
    with (tracked / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 2
    logged: dict[int, dict[str, float]] = {}
    for row in rows:  # of two rows of a step the last counts, as in the figures
        logged.setdefault(int(float(row["step"])), {}).update({k: float(v) for k, v in row.items() if v})
    assert {256, 512} == set(logged) == set(piece["rows"])
    for step, row in logged.items():
        sent = piece["rows"][step] | {"step": step}
        assert {key: sent[key] for key in row} == pytest.approx(row)


@needs_wandb
def test_config_result_and_pictures_are_there(tracked: Path) -> None:
    (piece,), result = mirrored(tracked), Result.read(tracked / "result.json")
    start = piece["start"]
    assert start.run_id == f"run-{run_id.config_hash(compose(SMALL))}"  # the folder's name, made unique
    assert (start.project, list(start.tags), start.run_group) == (
        "tests",
        ["one", "two"],
        "cartpole-ppo-baseline",
    )
    assert values(start.config.update)["algo"] == result.config["algo"]
    assert piece["exit"] == 0
    final = result_summary(result)
    assert {key: piece["summary"][key] for key in final} == final
    assert final["return/greedy/1"] == sum(result.levels[1]["greedy"]["returns"]) / 2
    (files,) = tracked.glob("wandb/offline-run-*/files")
    assert (files / "result.json").read_text() == (tracked / "result.json").read_text()
    names = {file.name.rsplit("_", 2)[0] for file in files.glob("media/images/pictures/*.png")}
    assert names == {file.stem for file in tracked.glob("pictures/*.png")}


@needs_wandb
def test_a_resumed_run_goes_on_in_the_same_one(plain: Path, tmp_path: Path, monkeypatch) -> None:
    cfg = compose_settings([*SMALL, *OFFLINE, "checkpoint.every_s=0"])
    calls = []

    def stop(self) -> None:
        calls.append(self.model.num_timesteps)
        if calls[-1] >= 256:
            raise Interrupted(15)

    with monkeypatch.context() as patch:
        patch.setattr("rlsuite.experiment.callbacks.EpisodeMetricsCallback._on_rollout_start", stop)
        with pytest.raises(Interrupted):
            run(cfg, tmp_path / "run")
    assert run(cfg, tmp_path / "run").parameter_hash == Result.read(plain / "result.json").parameter_hash
    first, second = mirrored(tmp_path / "run")
    assert first["start"].run_id == second["start"].run_id
    assert (first["exit"], second["exit"]) == (1, 0)
    assert sorted({*first["rows"], *second["rows"]}) == [256, 512]
    assert second["summary"]["result/restarts"] == 1


@needs_wandb
@pytest.mark.parametrize("broken", ["init", "Image", "Settings"])
def test_what_fails_in_it_is_one_warning(
    broken: str, plain: Path, tmp_path: Path, monkeypatch, caplog
) -> None:
    import wandb

    def fail(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(wandb, broken, fail)
    with caplog.at_level(logging.WARNING):
        result = run(compose_settings([*SMALL, *OFFLINE]), tmp_path / "run")
    assert result.status == "completed"
    assert result.parameter_hash == Result.read(plain / "result.json").parameter_hash
    assert [
        r.message for r in caplog.records if "OSError: no network; the run continues without it" in r.message
    ]
    assert len([r for r in caplog.records if "wandb" in r.message]) == 1


@needs_wandb
def test_a_policy_that_does_not_learn_has_its_result_there(tmp_path: Path) -> None:
    result = run(
        compose_settings(["algo=random", "evaluation.episodes=2", "total_steps=10", *OFFLINE]),
        tmp_path / "run",
    )
    (piece,) = mirrored(tmp_path / "run")
    assert piece["summary"]["result/greedy_auc"] == result.grs["greedy"]["auc"]


@pytest.mark.parametrize("found", ["nothing", "a folder"])
def test_a_missing_package_is_refused_with_the_way_out(found: str, monkeypatch, tmp_path: Path) -> None:
    spec = None
    if found == "a folder":  # W&B leaves one where it ran, and Python takes it for a package
        (tmp_path / "things").mkdir()
        monkeypatch.syspath_prepend(str(tmp_path))
        spec = find_spec("things")
    monkeypatch.setattr(machine, "find_spec", lambda name: spec)
    (problem,) = find_problems(compose([*SMALL, *OFFLINE]))
    assert problem == "wandb.mode=offline: the package wandb is not installed; pip install 'rlsuite[wandb]'"
    assert not find_problems(compose(SMALL))


def test_a_wrong_mode_is_told() -> None:
    (problem,) = find_problems(compose(["wandb.mode=on"]))
    assert "wandb.mode=on: must be one of disabled, offline, online" in problem

"""Every file is read or named with the reason why not; nothing stops the rest."""

import json
import re
import shutil

import numpy as np
import pytest

from rlsuite.analysis.cache import Store
from rlsuite.analysis.curves import POINTS, read_curve, resample
from rlsuite.analysis.records import error_class
from rlsuite.runs.result import Result


def write(folder, **changes):
    """Write a run's result; ``changes`` replace fields."""
    level = {
        "level": 0.0,
        "greedy": {"returns": [1.0, 3.0], "lengths": [5, 7]},
        "sampled": {"returns": [2.0, 2.0]},
    }
    data = {
        "run_id": folder.name,
        "status": "completed",
        "seed": 0,
        "levels": [level],
        "schema_version": 1,
        "steps": 100,
        "choices": {
            "env": "cartpole",
            "algo": "ppo",
            "technique": "baseline",
            "reward": "env",
            "hardware": "cpu",
        },
        "technique_applied": ["baseline"],
        "config": {"total_steps": 100, "seed": 0, "env": {}, "algo": {}},
    } | changes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(json.dumps(data))
    return data


def read(root, tmp_path):
    store = Store(tmp_path / "cache" / "cache.json")
    store.update([root])
    return store


def test_a_level_keeps_means_and_spread(tmp_path):
    write(tmp_path / "runs" / "a")
    (record,) = read(tmp_path / "runs", tmp_path).records.values()
    (level,) = record["levels"]
    assert level["greedy"] == {"n": 2, "return": 2.0, "length": 6.0, "return_std": pytest.approx(2**0.5)}
    assert level["sampled"]["return_std"] == 0


def test_values_that_are_missing_are_left_out_of_the_mean(tmp_path):
    level = {"level": 0.5, "greedy": {"returns": [1.0, None, 3.0]}}
    write(tmp_path / "runs" / "a", levels=[level])
    (record,) = read(tmp_path / "runs", tmp_path).records.values()
    assert record["levels"][0]["greedy"]["return"] == 2


BAD = {
    "truncated": (
        lambda path, good: path.write_text(json.dumps(good)[:-40]),
        "Expecting|delimiter|Unterminated",
    ),
    "empty": (lambda path, good: path.write_text(""), "Expecting value"),
    "binary": (lambda path, good: path.write_bytes(b"\xff\xfe\x00\x01"), "decode"),
    "foreign": (lambda path, good: path.write_text('{"accuracy": 1}'), "schema_version"),
    "a list": (lambda path, good: path.write_text("[1, 2]"), "indices"),
    "newer": (lambda path, good: path.write_text(json.dumps(good | {"schema_version": 99})), "newer"),
    "other form": (lambda path, good: path.write_text(json.dumps(good | {"levels": 5})), "form of a result"),
    "no episodes": (
        lambda path, good: path.write_text(
            json.dumps(good | {"levels": [{"level": 0, "greedy": {"returns": []}}]})
        ),
        "without episodes",
    ),
    "deep": (lambda path, good: path.write_text("[" * 100_000), "recursion"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_result_is_named_with_its_reason_and_the_others_are_read(tmp_path, kind):
    spoil, reason = BAD[kind]
    write(tmp_path / "runs" / "good")
    spoil(tmp_path / "runs" / "bad" / "result.json", write(tmp_path / "runs" / "bad"))
    store = read(tmp_path / "runs", tmp_path)
    assert [record["run_id"] for record in store.records.values()] == ["good"]
    (problem,) = store.problems
    assert problem.path.endswith("bad/result.json")
    assert re.search(reason, problem.reason), problem.reason


def test_what_never_ended_is_a_run_too(tmp_path):
    for name, status in (
        ("killed", {"state": "running", "step": 50, "total_steps": 100}),
        ("odd", {"state": "x"}),
    ):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "status.json").write_text(json.dumps(status))
    (tmp_path / "runs" / "queued").mkdir()
    (tmp_path / "runs" / "queued" / "config.yaml").write_text("seed: 0\n")
    said = {
        record["run_id"]: record["error"] for record in read(tmp_path / "runs", tmp_path).records.values()
    }
    assert "step 50 of 100" in said["killed"]
    assert "cannot be read" in said["odd"]
    assert "not started" in said["queued"]


def test_evaluations_are_merged_in_both_forms_and_bad_ones_named(tmp_path):
    run = tmp_path / "runs" / "a"
    write(run)
    (run / "evaluations").mkdir()
    level = {"level": 0.9, "greedy": {"returns": [4.0]}}
    files = {
        "fan.json": {"schema_version": 1, "run_id": "a", "config": {}, "levels": [level]},
        "compare.json": {
            "schema_version": 1,
            "played": {"0.7": {"learned": {"returns": [5.0]}, "random": {"returns": [0.0]}}},
        },
        "other.json": {"schema_version": 1, "run_id": "b", "levels": [level]},
        "newer.json": {"schema_version": 7, "run_id": "a", "levels": [level]},
        "empty.json": {},
    }
    for name, data in files.items():
        (run / "evaluations" / name).write_text(json.dumps(data))
    before = (run / "result.json").read_bytes()
    store = read(tmp_path / "runs", tmp_path)
    (record,) = store.records.values()
    assert {(row["level"], row["source"]) for row in record["levels"]} == {
        (0.0, "result"),
        (0.9, "evaluations/fan.json"),
        (0.7, "evaluations/compare.json"),
    }
    assert sorted(p.path.rsplit("/", 1)[1] for p in store.problems) == [
        "empty.json",
        "newer.json",
        "other.json",
    ]
    assert before == (run / "result.json").read_bytes()


def test_links_to_folders_are_named_not_followed(tmp_path):
    write(tmp_path / "runs" / "a")
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs", target_is_directory=True)
    store = read(tmp_path / "runs", tmp_path)
    assert len(store.records) == 1
    assert [p.path for p in store.problems] == [str(tmp_path / "runs" / "loop")]


def test_only_what_changed_is_read_again(tree, tmp_path):
    root = shutil.copytree(tree, tmp_path / "runs")
    first = read(root, tmp_path)
    first.save()
    assert (first.reused, first.changed) == (0, True)
    second = read(root, tmp_path)
    assert (second.reused, second.changed) == (100, False)
    assert second.records == first.records
    assert second.parts == first.parts
    run = root / "env00-ppo-dr-s3"
    result = json.loads((run / "result.json").read_text()) | {"steps": 7}
    (run / "result.json").write_text(json.dumps(result))
    shutil.rmtree(root / "env00-ppo-dr-s4")
    third = read(root, tmp_path)
    assert (third.reused, third.changed, len(third.records)) == (98, True, 99)
    assert third.records[str(run)]["steps"] == 7


def test_a_spoilt_cache_is_no_reason_to_stop(tree, tmp_path):
    store = Store(tmp_path / "cache.json")
    for text in ("", "{}", '{"version": "x", "folders": 3}', "[1]"):
        store.path.write_text(text)
        store.update([tree])
        assert len(store.records) == 100


def test_curves_by_hand(tmp_path):
    found = resample(np.array([1.0, 2, 60, 100]), np.array([4.0, 6, 8, 10]), 100)
    # the first part holds two points, the last one the end; what lies between is interpolated
    assert (found[0], found[24], found[-1]) == (5.0, 8.0, 10.0)
    assert found[12] == pytest.approx(6.5)
    assert resample(np.array([50.0]), np.array([1.0]), 100)[:20] == [None] * 20
    assert resample(np.empty(0), np.empty(0), 100) is None


def test_a_curve_comes_from_history_or_else_from_events(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "tb")) as writer:
        for step in range(0, 100, 5):
            writer.add_scalar("rollout/ep_rew_mean", step / 2, step)
    lines = [
        "step,train/loss,rollout/ep_rew_mean",
        *(f"{step},,{step / 2}" for step in range(0, 100, 5)),
        "99,1.0,",
    ]
    from_events = read_curve(tmp_path, 100)
    (tmp_path / "history.csv").write_text("\n".join(lines) + "\n")
    assert read_curve(tmp_path, 100) == from_events
    assert len(from_events) == POINTS
    (tmp_path / "history.csv").write_text("nonsense")
    with pytest.raises(ValueError, match="no column step"):
        read_curve(tmp_path, 100)


def test_error_class_is_the_last_named_error(tmp_path):
    path = tmp_path / "error.txt"
    path.write_text(
        'Traceback (most recent call last):\n  File "x.py", line 1\n    raise OSError\nOSError: full\n  note\n'
    )
    assert error_class(path) == "OSError: full"
    path.write_text("")
    assert "empty" in error_class(path)


def test_reading_agrees_with_what_a_run_writes(tmp_path):
    result = Result(
        "r",
        "completed",
        {"env": "e", "algo": "a", "technique": "baseline", "reward": "env"},
        3,
        {},
        levels=[{"level": 0.0, "greedy": {"returns": [float("nan"), 1.0]}}],
    )
    (tmp_path / "runs" / "r").mkdir(parents=True)
    result.write(tmp_path / "runs" / "r")
    (record,) = read(tmp_path / "runs", tmp_path).records.values()
    assert record["seed"] == 3
    assert record["levels"][0]["greedy"]["return"] == 1

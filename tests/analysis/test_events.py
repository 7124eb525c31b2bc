"""The event-file reader gives what TensorBoard's EventAccumulator gives."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from rlsuite.analysis.events import read_scalars


def accumulated(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}


def assert_same(folder):
    ours, theirs = read_scalars(folder), accumulated(folder)
    assert set(ours) == set(theirs)
    for tag, scalars in theirs.items():
        assert ours[tag][0].tolist() == [s.step for s in scalars], tag
        assert np.array_equal(
            ours[tag][1], np.array([s.value for s in scalars], np.float32), equal_nan=True
        ), tag


def test_scalars_of_all_widths_of_steps_and_kinds_of_values(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (0, 1, 127, 128, 129, 16383, 16384, 2**21, 2**28 + 1, 2**40):
            writer.add_scalar("train/loss", 1 / (step + 1), step)
            writer.add_scalar("a", -step, step)
        for value in (float("nan"), float("inf"), 1e-40, 3e38):
            writer.add_scalar("a", value, 2**41)
    assert_same(tmp_path)
    assert len(read_scalars(tmp_path)["a"][0]) == 14


def test_what_is_no_scalar_is_stepped_over(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_image("picture", np.zeros((3, 8, 8), np.uint8), 3)
        writer.add_text("note", "hello", 3)
        writer.add_histogram("weights", np.arange(10), 3)
        writer.add_scalar("old", 1.5, 4)
        writer.add_scalar("new", 2.5, 4, new_style=True)
        writer.add_scalars("pair", {"x": 1, "y": 2}, 5)
    assert {tag: v.tolist() for tag, (_, v) in read_scalars(tmp_path).items()} == {"old": [1.5], "new": [2.5]}


def test_a_session_that_starts_again_hides_what_came_after_its_step(tmp_path):
    for start, purge in ((0, None), (6, 6)):
        with SummaryWriter(str(tmp_path), purge_step=purge, filename_suffix=f".{start}") as writer:
            for step in range(start, 10):
                writer.add_scalar("x", 100 * start + step, step)
    assert_same(tmp_path)
    assert read_scalars(tmp_path)["x"][1].tolist() == [0, 1, 2, 3, 4, 5, 606, 607, 608, 609]


@pytest.mark.parametrize("lost", [1, 4, 11, 30])
def test_a_file_that_is_still_written_is_read_as_far_as_it_goes(tmp_path, lost):
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(20):
            writer.add_scalar("x", step, step)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-lost])
    assert_same(tmp_path)
    assert read_scalars(tmp_path)["x"][1].tolist() == list(range(19))


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "events.out.tfevents.1").write_bytes(b"\x05" + b"\x00" * 11 + b"\xff" * 9)
    with pytest.raises(ValueError, match="event file"):
        read_scalars(tmp_path)
    assert read_scalars(tmp_path / "nothing") == {}

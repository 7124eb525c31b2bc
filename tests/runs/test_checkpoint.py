"""Checkpoints hold any tree exactly, replace each other atomically and never run foreign code."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlsuite.core.errors import UserError
from rlsuite.runs.checkpoint import Checkpoints, read_tree, write_tree

scalars = st.none() | st.booleans() | st.integers(-(2**130), 2**130) | st.floats(allow_nan=False) | st.text()
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=10,
)


@given(tree=trees)
def test_any_tree_comes_back(tree, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("tree") / "t"
    write_tree(folder, tree)
    assert read_tree(folder) == tree


def test_arrays_keep_type_shape_and_memory_layout(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4).transpose(0, 2, 1)
    tree = {
        "a": array,
        "t": torch.arange(3.0),
        "s": np.float32(1.1),
        "zero": np.array(5),
        "none": np.zeros((0, 2)),
    }
    write_tree(tmp_path / "t", tree)
    back = read_tree(tmp_path / "t")
    assert np.array_equal(back["a"], array)
    assert back["a"].strides == array.strides
    assert torch.equal(back["t"], tree["t"])
    assert type(back["s"]) is np.float32
    assert back["zero"].shape == ()
    assert back["none"].shape == (0, 2)
    back["a"][0, 0, 0] = 7  # what comes back can be learnt on with


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        checkpoints.save({"step": step}, step)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000000000002", "000000000003"]
    assert checkpoints.latest() == {"step": 3}


def test_half_written_ones_are_ignored_and_cleaned(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save({"step": 1}, 1)
    (tmp_path / ".000000000002.99.tmp").mkdir()
    assert checkpoints.latest() == {"step": 1}
    checkpoints.save({"step": 3}, 3)
    assert not list(tmp_path.glob(".*"))


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


@pytest.mark.parametrize("name", ["tree.json", "arrays.safetensors"])
def test_a_pickle_is_refused_and_never_run(tmp_path: Path, name: str, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Checkpoints(tmp_path / "c").save({"a": np.ones(3)}, 1)
    (tmp_path / "c" / "000000000001" / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match="000000000001 is corrupt or was not written by rlsuite"):
        Checkpoints(tmp_path / "c").latest()
    assert not Path("exploded").exists()


def test_truncation_and_bit_flips_are_noticed(tmp_path: Path) -> None:
    write_tree(tmp_path / "t", {"a": np.arange(1000.0)})
    blob = tmp_path / "t" / "arrays.safetensors"
    data = bytearray(blob.read_bytes())
    data[-5] ^= 1
    blob.write_bytes(data)
    with pytest.raises(UserError, match="truncated or altered"):
        read_tree(tmp_path / "t")


def test_other_objects_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        write_tree(tmp_path / "t", {"a": object()})

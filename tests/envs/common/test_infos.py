import numpy as np
import pytest

from rlsuite.envs.common.infos import BatchedInfos


def infos() -> BatchedInfos:
    return BatchedInfos({"score": np.array([4, 8, 16]), "late": np.array([False, True, False])})


def test_equal_to_a_list_of_dicts() -> None:
    expected = [{"score": 4, "late": False}, {"score": 8, "late": True}, {"score": 16, "late": False}]
    assert list(infos()) == expected
    assert infos()[:] == expected and infos()[1:] == expected[1:] and infos()[-1] == expected[-1]
    assert len(infos()) == 3 and type(infos()[0]["score"]) is int
    with pytest.raises(IndexError):
        infos()[3]


def test_a_changed_dict_is_kept() -> None:
    found = infos()
    found[1]["episode"] = {"r": 1.0}
    assert [("episode" in info) for info in found] == [False, True, False]
    next(iter(found))["more"] = 1
    assert found[0]["more"] == 1 and found[:][1]["episode"] == {"r": 1.0}


def test_columns_may_change_afterwards() -> None:
    scores = np.array([1, 2])
    found = BatchedInfos({"score": scores})
    scores += 10
    assert [info["score"] for info in found] == [1, 2]

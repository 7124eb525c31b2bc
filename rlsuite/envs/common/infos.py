"""The infos of all lanes of a step, made into dicts only where somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np


class LaneInfos(Sequence[dict[str, Any]]):
    """A sequence of one dict a lane, over columns of values; a dict once made may be changed and is kept.

    Learners read the infos of the few lanes whose episode ends; making a dict for every lane costs as much as moving them.

    Args:
        columns: Arrays (n,) by key. They are copied, so an env may hand in its own state and go on.
    """

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        self._columns = {key: values.copy() for key, values in columns.items()}
        self._length = len(next(iter(self._columns.values())))
        self._made: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return list(self)[index]
        lane = range(self._length)[index]  # counts from the end where negative; raises IndexError
        if lane not in self._made:
            self._made[lane] = {key: values[lane].item() for key, values in self._columns.items()}
        return self._made[lane]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if len(self._made) < self._length:
            rows = zip(*(values.tolist() for values in self._columns.values()), strict=True)
            keys = tuple(self._columns)
            every = {lane: dict(zip(keys, row, strict=True)) for lane, row in enumerate(rows)}
            self._made = every | self._made
        return (self._made[lane] for lane in range(self._length))

"""The infos of all envs of a step, made into dicts only where somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np


class BatchedInfos(Sequence[dict[str, Any]]):
    """A sequence of one dict an env, over columns of values; a dict once made may be changed and is kept.

    Learners read the infos of the few envs whose episode ends; making a dict for every env costs as much as moving them.

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
        env = range(self._length)[index]  # counts from the end where negative; raises IndexError
        if env not in self._made:
            self._made[env] = {key: values[env].item() for key, values in self._columns.items()}
        return self._made[env]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if len(self._made) < self._length:
            rows = zip(*(values.tolist() for values in self._columns.values()), strict=True)
            keys = tuple(self._columns)
            every = {env: dict(zip(keys, row, strict=True)) for env, row in enumerate(rows)}
            self._made = every | self._made
        return (self._made[env] for env in range(self._length))

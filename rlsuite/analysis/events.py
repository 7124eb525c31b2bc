"""Scalars of TensorBoard event files, without TensorBoard and without protobuf.

A file is a row of records: length (uint64), its checksum (4 bytes), that many bytes of an ``Event`` message, their
checksum. Of the message only these fields are looked at (tensorflow/core/util/event.proto, framework/summary.proto):
``Event`` 1 wall_time, 2 step, 5 summary, 7 session_log; ``Summary`` 1 value; ``Value`` 1 tag, 2 simple_value, 8 tensor;
``TensorProto`` 1 dtype, 4 tensor_content, 5 float_val; ``SessionLog`` 1 status. Everything else is stepped over.

It is fast because messages of one tag differ in their time, step and value only: once a message has been parsed, the
bytes between step and value are known to mean this tag, and all messages with the same bytes there are decoded at once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_U64, _F32 = struct.Struct("<Q"), struct.Struct("<f")
_FLOAT, _START = 1, 1  # DataType.DT_FLOAT, SessionLog.START
_STEP = 10  # where a message's step stands: after wall_time (key, 8 bytes) and its own key
Scalars = tuple[np.ndarray, np.ndarray]
"""Steps (n,) int64 and values (n,) float32."""


class EventFile:
    """The scalars of one file, read in one pass; ``series`` and ``restarts`` are the outcome.

    Attributes:
        series: positions (n,), steps and values by tag, in the order of writing.
        restarts: (position, step) of each session that began again.
    """

    def __init__(self, data: bytes) -> None:
        self.data, self.restarts = data, []  # type: bytes, list[tuple[int, int]]
        self._known: dict[int, dict[bytes, list[int]]] = {width: {} for width in range(1, 11)}
        self._tags: dict[bytes, str] = {}
        self._parsed: dict[str, list[tuple[int, int, float]]] = {}
        self._scan()
        self.series = {tag: self._decode(tag) for tag in {*self._tags.values(), *self._parsed}}

    def _scan(self) -> None:
        data, size, position, width = self.data, len(self.data), 0, 1
        unpack, known = _U64.unpack_from, self._known[1]
        while position + 12 <= size:
            start = position + 12
            end = start + unpack(data, position)[0]
            position = end + 4
            if position > size:  # cut short, as in the file of a run that is alive
                return
            found = known.get(data[start + _STEP + width : end - 4])
            if found is not None:
                found.append(start)
            else:
                width = self._parse(start, end) or width
                known = self._known[width]

    def _parse(self, start: int, end: int) -> int | None:
        """Read one message field by field; return how wide its step is if others can be decoded like it."""
        step, summary, after_step, restarted = 0, None, 0, False
        for field, low, high in _fields(self.data, start, end):
            if field == 2:
                step, after_step = low if low < 1 << 63 else low - (1 << 64), high
            elif field == 5:
                summary = (low, high)
            elif field == 7:
                restarted = any(f == 1 and value == _START for f, value, _ in _fields(self.data, low, high))
        if restarted:
            self.restarts.append((start, step))
        if summary is None:
            return None
        values = [span for f, *span in _fields(self.data, *summary) if f == 1]
        rows = [self._value(*span) for span in values]
        width, plain = after_step - start - _STEP, len(rows) == 1 and rows[0][2] == end - 4
        if plain and width > 0 and summary[1] == end and self.data[start] == 9 and self.data[start + 9] == 16:
            tail = self.data[start + _STEP + width : end - 4]
            self._tags[tail] = str(rows[0][0])
            self._known[width].setdefault(tail, []).append(start)
            return width
        for tag, value, _ in rows:
            if tag is not None and value is not None:
                self._parsed.setdefault(tag, []).append((start, step, value))
        return None

    def _value(self, start: int, end: int) -> tuple[str | None, float | None, int]:
        """Return tag, value and where a plain value stands (-1: it is not plain)."""
        tag, value, at = None, None, -1
        for field, low, high in _fields(self.data, start, end):
            if field == 1:
                tag = self.data[low:high].decode()
            elif field == 2:
                value, at = _F32.unpack_from(self.data, low)[0], low
            elif field == 8:
                value = _tensor(self.data, low, high)
        return tag, value, at

    def _decode(self, tag: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        buffer = np.frombuffer(self.data, np.uint8)
        parts = [np.array(self._parsed.get(tag, []), dtype=float).reshape(-1, 3).T]
        for width, tails in self._known.items():
            for tail, starts in tails.items():
                if self._tags[tail] == tag:
                    first = np.array(starts) + _STEP
                    step = buffer[first[:, None] + np.arange(width)].astype(np.uint64) & 127
                    steps = (step << (7 * np.arange(width, dtype=np.uint64))).sum(axis=1).astype(np.int64)
                    value = buffer[(first + width + len(tail))[:, None] + np.arange(4)].view("<f4")[:, 0]
                    parts.append(np.stack([first - _STEP, steps, value]).astype(float))
        positions, steps, values = np.concatenate(parts, axis=1)
        order = np.argsort(positions, kind="stable")
        return positions[order], steps[order].astype(np.int64), values[order].astype(np.float32)


def read_scalars(folder: Path) -> dict[str, Scalars]:
    """Read the scalars of all event files of ``folder``, oldest first.

    As TensorBoard does it, a session that starts again at a step hides what was logged before from that step on, and a
    record that is cut short ends its file.

    Args:
        folder: holds ``events.out.tfevents.*``.

    Raises:
        ValueError: If a file holds something else.
    """
    found: dict[str, Scalars] = {}
    for path in sorted(folder.glob("*tfevents*")):
        try:
            file = EventFile(path.read_bytes())
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise ValueError(f"{path.name} is no event file: {error}") from error
        for _, step in file.restarts:
            found = {tag: (s[s < step], v[s < step]) for tag, (s, v) in found.items()}
        for tag, (positions, steps, values) in file.series.items():
            shown = np.ones(len(steps), dtype=bool)
            for position, step in file.restarts:
                shown &= (positions > position) | (steps < step)
            old = found.get(tag, (np.empty(0, np.int64), np.empty(0, np.float32)))
            found[tag] = (np.append(old[0], steps[shown]), np.append(old[1], values[shown]))
    return found


def _tensor(data: bytes, start: int, end: int) -> float | None:
    """Return the value of a scalar float tensor, None for any other."""
    parts = {field: (low, high) for field, low, high in _fields(data, start, end)}
    content = parts.get(4) or parts.get(5)  # float_val is packed
    if parts.get(1, (0, 0))[0] != _FLOAT or content is None or content[1] - content[0] != 4:
        return None
    return float(_F32.unpack_from(data, content[0])[0])


def _fields(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (number, low, high) of each protobuf field: where its bytes lie; a varint's value is ``low``, its end ``high``."""
    while position < end:
        key, position = _varint(data, position)
        kind = key & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield key >> 3, value, position
            continue
        if kind == 2:
            size, position = _varint(data, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}: not an event file")
        yield key >> 3, position, position + size
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7

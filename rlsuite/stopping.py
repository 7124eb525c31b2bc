"""A run that is asked to stop does so at its next rollout boundary, with a checkpoint.

Exact resume makes this a matter of time saved only: a run that is killed instead repeats what came after its last
checkpoint and ends with the same parameters.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

GRACE_S = 10.0
"""Seconds a run may take to reach a boundary; then it stops where it is."""

_received: list[int] = []


class Interrupted(KeyboardInterrupt):
    """The run stopped because a signal asked it to; the same command goes on with it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


def listen(grace_s: dict[int, float]) -> dict[int, Any]:
    """Let each signal of ``grace_s`` (number: seconds until the run stops anyway) ask for a stop.

    Returns:
        The handlers that were there.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        if not _received:
            _received.append(number)
            signal.setitimer(signal.ITIMER_REAL, grace_s[number])

    def insist(number: int, frame: FrameType | None) -> None:
        check()

    _received.clear()
    signal.signal(signal.SIGALRM, insist)
    return {number: signal.signal(number, ask) for number in grace_s}


def asked() -> bool:
    """Tell whether the run was asked to stop."""
    return bool(_received)


def check(before: Callable[[], Any] = lambda: None) -> None:
    """Call ``before`` and end the run if it was asked to stop.

    Raises:
        Interrupted: If it was.
    """
    if _received:
        signal.setitimer(signal.ITIMER_REAL, 0)
        before()
        raise Interrupted(_received[0])

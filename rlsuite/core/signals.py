"""A run that is asked to stop does so at its next rollout boundary, with a checkpoint.

Exact resume makes this a matter of time saved only: a run that is killed instead repeats what came after its last
checkpoint and ends with the same parameters.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

GRACE_S = 10.0
"""Seconds a run may take to reach a boundary; then it stops where it is."""

WAIT = b"\nstopping at the next rollout boundary, with a checkpoint; Ctrl-C again stops at once\n"

_received: list[int] = []


class Interrupted(KeyboardInterrupt):
    """The run stopped because a signal asked it to; the same command continues with it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


def listen(grace_s: dict[int, float]) -> dict[int, Any]:
    """Let each signal of ``grace_s`` (number: seconds until the run stops anyway) ask for a stop; a second Ctrl-C insists.

    A signal that is ignored stays so: a shell shields its background jobs from Ctrl-C in this way.

    Returns:
        The handlers that were there.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        if not _received:
            _received.append(number)
            signal.setitimer(signal.ITIMER_REAL, grace_s[number])
            if number == signal.SIGINT:
                os.write(2, WAIT)  # print may be what was interrupted
        elif number == signal.SIGINT:
            check()

    def insist(number: int, frame: FrameType | None) -> None:
        check()

    _received.clear()
    signal.signal(signal.SIGALRM, insist)
    heard = [number for number in grace_s if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, ask) for number in heard}


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

"""What a command owes the terminal: no traceback when its reader has seen enough, nor on Ctrl-C. Imports nothing of ours."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPT_EXIT = 130


@contextmanager
def ending_with_reader() -> Iterator[None]:
    """End the process quietly when ``| head`` or ``| less`` has seen enough of what is printed within.

    Not for what has work left to do: a closed terminal must not end a run.
    """
    if not hasattr(signal, "SIGPIPE"):  # Windows has none
        yield
        return
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        yield
    finally:
        sys.stdout.flush()  # what still waits to be printed meets the same end
        signal.signal(signal.SIGPIPE, before)


@contextmanager
def quiet() -> Iterator[None]:
    """End a whole command that leaves nothing half done as ``ending_with_reader``, and with 130 on Ctrl-C."""
    try:
        with ending_with_reader():
            yield
    except KeyboardInterrupt:
        sys.exit(INTERRUPT_EXIT)

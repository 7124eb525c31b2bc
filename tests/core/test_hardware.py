"""Freed memory is kept: the second minibatch takes no page faults."""

import resource
import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from rlsuite.core.hardware import use_hardware
{call}
def work():
    x = torch.ones(2_000_000)
    return (x * 2).sum() + (x + 1).sum()
for _ in range(5):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    work()
print(torch.get_num_threads(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(call=call)], capture_output=True, text=True, check=True
    )
    threads, found = map(int, done.stdout.split())
    return threads, found


@pytest.mark.skipif(sys.platform != "linux" or resource.getpagesize() > 65536, reason="of glibc")
def test_freed_memory_is_kept() -> None:
    _, without = faults("")
    threads, found = faults("use_hardware(1)")
    assert threads == 1
    assert (
        found < 0.1 * without
    )  # the heap may still grow by an array or two; without, every pass takes them all anew

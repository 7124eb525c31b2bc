"""What a process does with its machine: how many threads it computes with, and what becomes of memory it has freed."""

from __future__ import annotations

import ctypes
import sys

import torch

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # names of glibc's malloc.h
KEPT = {TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 64 << 20, MMAP_THRESHOLD: 1 << 30}


def use_hardware(threads: int) -> None:
    """Compute with ``threads`` threads, and keep freed memory for the next minibatch.

    By default glibc gives large arrays back to the system when they are freed, and every optimiser step takes thousands of page
    faults to get them again: a tenth of the sprites' pre-training, a quarter of PPO's time on pictures. Nothing is done where
    there is no glibc. Results are the same.
    """
    torch.set_num_threads(threads)
    if sys.platform != "linux" or not hasattr(libc := ctypes.CDLL(None), "mallopt"):
        return
    for name, value in KEPT.items():
        libc.mallopt(name, value)

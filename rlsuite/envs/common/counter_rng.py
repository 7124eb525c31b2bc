"""Random numbers as a function of (seed, number of the draw): vectorised over envs, and nothing to save but a counter.

Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), https://doi.org/10.1145/2660193.2660195:
their mixing function (splitmix64) of a key and a counter.
"""

from __future__ import annotations

import numpy as np

from rlsuite.core.packed_boards import word

_GOLDEN, _FIRST, _SECOND = word(0x9E3779B97F4A7C15), word(0xBF58476D1CE4E5B9), word(0x94D049BB133111EB)
_1, _27, _30, _31, _32 = (word(bits) for bits in (1, 27, 30, 31, 32))
_LOW = word(0xFFFFFFFF)


def mix(values: np.ndarray) -> np.ndarray:
    """Scramble (n,) uint64: every bit of the result depends on every bit of the value."""
    values = (values ^ (values >> _30)) * _FIRST
    values = (values ^ (values >> _27)) * _SECOND
    return values ^ (values >> _31)


def key(seed: int) -> np.ndarray:
    """Return the key of an env's stream from any whole number."""
    return mix(mix(word(seed % 2**64)) + _GOLDEN)[0]


def bits_of(keys: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return draw ``numbers[i]`` of stream ``keys[i]``: (n,) uint64, uniform over all 64 bits."""
    return mix(keys + (numbers + _1) * _GOLDEN)


def below(bits: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Turn the upper halves of draws (n,) into whole numbers below ``limits`` (n,), each less than 2^32."""
    return ((bits >> _32) * limits.astype(np.uint64, copy=False)) >> _32


def in_unit_interval(bits: np.ndarray) -> np.ndarray:
    """Turn the lower halves of draws (n,) into numbers in [0, 1)."""
    return (bits & _LOW) * 2.0**-32

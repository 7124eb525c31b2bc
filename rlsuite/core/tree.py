"""What a checkpoint can hold."""

from typing import Any

Tree = Any
"""A nested dict / list of tensors, arrays and JSON scalars."""

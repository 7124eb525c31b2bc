"""Reinforcement learning that composes: any env, algorithm, technique and reward, from one command to a table."""

from contextlib import suppress

__version__ = "0.1.0"

# Procgen brings the old gym along, and Stable-Baselines3 imports it if it is there: ten lines of advice to move to
# Gymnasium on stderr of every command. We have moved.
with suppress(ImportError):
    from gym_notices import notices

    notices.notices.clear()

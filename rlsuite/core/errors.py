"""The errors a user may see, and how a run may end by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence


class UserError(Exception):
    """A mistake a user can mend: shown as one clear message, without a traceback (exit code 1)."""


def complaint(make: Callable[[], object]) -> Iterator[str]:
    """Yield why something cannot be made, if a user can mend it; only for what costs nothing to make."""
    try:
        make()
    except UserError as error:
        yield str(error)


class Diverged(Exception):  # noqa: N818 - a state a run ends in, not a programming error
    """A loss or gradient stopped being finite: the run ends, its last good checkpoint stays."""


class ConfigError(UserError):
    """All the problems of a command or a config, in one message (exit code 2)."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(
            "\n".join([f"{count}, nothing was started:", *(f"  {line}" for line in self.problems)])
        )

"""Let an error leave the task groups that it ended as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from anyio import BrokenResourceError, ClosedResourceError

from reelkeep.errors import Error

_ECHOES = (BrokenResourceError, ClosedResourceError)
"""What the neighbours of a task raise that died: their streams lead nowhere any more."""


@contextmanager
def unwrapped() -> Iterator[None]:
    """Raise an error of ours in place of the group that it came in; a bug keeps its group."""
    try:
        yield
    except BaseExceptionGroup as group:
        causes = [error for error in leaves(group) if not isinstance(error, _ECHOES)]
        if causes and all(isinstance(error, Error) for error in causes):
            raise causes[0] from group
        raise


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield what is in a group and in the groups within it; of any other error, itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def causes_of(error: BaseException) -> str:
    """Return in a line what ended a process: each cause with its class."""
    found = list(leaves(error))
    grave = [cause for cause in found if not isinstance(cause, _ECHOES)] or found
    return "; ".join(dict.fromkeys(f"{type(cause).__name__}: {cause}" for cause in grave))

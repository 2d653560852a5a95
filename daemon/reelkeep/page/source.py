"""What the page shows, and where it gets it from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from reelkeep.catalog.browsing import CatalogBrowser
from reelkeep.catalog.decisions import OperatorDecisions
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.core.model import HeldFile, Holding
from reelkeep.ports import Clock, Report


@dataclass(frozen=True, slots=True)
class ActiveCondition:
    """Something that is wrong now, in the words of the runbook."""

    event: str
    meaning: str
    advice: str


class OpenMedia(Protocol):
    """A stored file that is open for reading."""

    @property
    def size(self) -> int:
        """Its bytes."""
        ...

    async def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset` on.

        Raises:
            TransferError: The archive failed us.
        """
        ...


class MediaStore(Protocol):
    """Where stored files are read: a folder, or a store."""

    def open(
        self, holding: Holding, file: HeldFile
    ) -> AbstractAsyncContextManager[OpenMedia | None]:
        """Open a file that the catalog calls stored; None if it is not there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSource:
    """What the daemon lets the page see and do."""

    browser: CatalogBrowser
    operator: OperatorCatalog  #: For questions only, on a connection of its own.
    decisions: OperatorDecisions | None  #: For what an operator decides; None: nothing can be.
    media: MediaStore | None  #: None: no recording can be played or downloaded.
    status: Callable[[], Awaitable[Mapping[str, Any]]]  #: As `status --json` prints it.
    transfers: Callable[[], Sequence[Mapping[str, Any]]]  #: Those under way, as in the status.
    problems: Callable[[], Sequence[ActiveCondition]]
    lines: Callable[[int], Sequence[tuple[int, Mapping[str, Any]]]]  #: Of the log, after a number.
    clock: Clock
    report: Report

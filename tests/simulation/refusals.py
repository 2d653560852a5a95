"""What the kernel refuses of a disk for a while: each kind, and which effects it meets."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

_WRITES = frozenset(
    {"pwrite", "truncate", "rename", "link", "unlink", "mkdir", "rmdir", "chmod", "fchmod"}
)
_MOVES_BYTES = frozenset(
    {"open", "pwrite", "pread", "pread_into", "entries", "fdatasync", "fsync", "fsync_directory"}
    | {"rename"}
)
_OF_ITSELF = frozenset({"open", "names", "entries", "fsync_directory", "free"})
"""Effects that need the rights of the very path that they are given."""

_FAVOURS = frozenset({"close", "forget", "is_file"})
"""Effects that never fail here: what a kernel says to them changes nothing."""

Rule = Callable[[str, tuple[Any, ...]], int | None]
"""Returns the errno that an effect with these arguments meets; None: it is done."""


@dataclass(slots=True)
class Refusals:
    """What is refused now. `single` counts what was refused of one file, and not of the place."""

    rule: Rule | None = None
    is_single: bool = False  #: Other files and folders can be used meanwhile.
    read_only: bool = False  #: The file system says that it is mounted read-only.
    no_names: bool = False  #: The file system says that it has no inode left.
    single: int = field(default=0)

    def clear(self) -> None:
        """Refuse nothing any more."""
        self.rule, self.is_single = None, False
        self.read_only = self.no_names = False

    def meet(self, effect: str, args: tuple[Any, ...]) -> None:
        """Come to an effect.

        Raises:
            OSError: It is refused.
        """
        if self.rule is None or effect in _FAVOURS:
            return
        number = self.rule(effect, args)
        if number is not None:
            self.single += self.is_single
            name = str(args[0]) if args and isinstance(args[0], Path) else None
            raise OSError(number, os.strerror(number), name)


def read_only(effect: str, args: tuple[Any, ...]) -> int | None:
    """Refuse as a file system does that the kernel has remounted after an error."""
    writes = effect in _WRITES or (effect == "open" and _flags(args) & (os.O_WRONLY | os.O_RDWR))
    return errno.EROFS if writes else None


def no_inodes(effect: str, args: tuple[Any, ...]) -> int | None:
    """Refuse new files and folders; bytes are free."""
    return errno.ENOSPC if _makes_a_name(effect, args) else None


def no_quota(effect: str, args: tuple[Any, ...]) -> int | None:
    """Refuse bytes and names beyond a quota; the file system has room."""
    return errno.EDQUOT if effect == "pwrite" or _makes_a_name(effect, args) else None


def dead(_effect: str, _args: tuple[Any, ...]) -> int | None:
    """Refuse everything: the device does not answer."""
    return errno.EIO


def flaky(random: Random, share: float) -> Rule:
    """Return a rule that refuses a `share` of what reads and writes."""

    def rule(effect: str, _args: tuple[Any, ...]) -> int | None:
        return errno.EIO if effect in _MOVES_BYTES and random.random() < share else None

    return rule


def closed(path: Path) -> Rule:
    """Return a rule that refuses what needs the rights of `path`, which somebody took away.

    Of a folder it is what goes through it, of a file that it is opened.
    """

    def rule(effect: str, args: tuple[Any, ...]) -> int | None:
        for each in args:
            if not isinstance(each, Path):
                continue
            itself = each == path and effect in _OF_ITSELF
            if itself or path in each.parents:
                return errno.EACCES
        return None

    return rule


def _makes_a_name(effect: str, args: tuple[Any, ...]) -> bool:
    if effect == "open":
        return bool(_flags(args) & os.O_CREAT) and not os.path.lexists(args[0])
    return effect == "mkdir"


def _flags(args: tuple[Any, ...]) -> int:
    return int(args[1])

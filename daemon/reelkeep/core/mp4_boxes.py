"""Read the boxes inside of another box of an MP4 file, and their tables of numbers."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from typing import Final

MOST_ENTRIES: Final = 3_000_000
"""Entries of all tables of a kind that are looked at: 24 hours at 30 pictures a second."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of tables that are read."""


class WrongBox(ValueError):
    """Boxes or tables contradict each other."""


class NotTold(Exception):
    """The tables are too large or too foreign to say anything."""


def is_box_name(kind: bytes) -> bool:
    """Whether these are four printable characters; QuickTime also has the copyright sign."""
    return len(kind) == 4 and all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)


def inner_boxes(content: memoryview, name: str) -> Iterator[tuple[bytes, memoryview]]:
    """Yield type and payload of each box that `content`, the payload of `name`, consists of.

    QuickTime may end a list of boxes with four zero bytes.

    Raises:
        WrongBox: It does not consist of boxes.
    """
    at, size = 0, len(content)
    while size - at >= 8:
        length, header = int.from_bytes(content[at : at + 4], "big"), 8
        kind = bytes(content[at + 4 : at + 8])
        if length == 1 and size - at >= 16:
            length, header = int.from_bytes(content[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = size - at
        if length < header or at + length > size or not is_box_name(kind):
            raise WrongBox(f"no box at byte {at} of {name} ({size} bytes)")
        yield kind, content[at + header : at + length]
        at += length
    if any(content[at:]):
        raise WrongBox(f"{size - at} bytes are left over at the end of {name}")


def number(content: memoryview, at: int, width: int = 4) -> int:
    """Return the unsigned number of `width` bytes at `at`.

    Raises:
        WrongBox: The box ends before.
    """
    if at + width > len(content):
        raise WrongBox(f"a box of {len(content)} bytes is too short")
    return int.from_bytes(content[at : at + width], "big")


def numbers(content: memoryview, at: int, count: int, width: int = 4) -> array[int]:
    """Return `count` unsigned numbers of `width` bytes each, from `at`.

    Raises:
        WrongBox: The table has no room for them.
        NotTold: There are too many.
    """
    if count * width > len(content) - at:
        raise WrongBox(f"a table announces {count} entries and has {len(content) - at} bytes")
    if count > MOST_ENTRIES:
        raise NotTold
    found = array({1: "B", 2: "H", 4: "I", 8: "Q"}[width])
    found.frombytes(content[at : at + count * width])
    if sys.byteorder == "little":
        found.byteswap()
    return found

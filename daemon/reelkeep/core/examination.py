"""What a look into a complete file shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

ReadAt = Callable[[int, int], bytes]
"""`read_at(offset, length)`: that many bytes from there, or fewer at the end of the file."""


class Structure(Enum):
    """How far the inside of a file was found to be whole."""

    NONE = "none"  #: Nothing is known of its inside.
    CONTAINER = "container"  #: Its outer structure is whole, to the last byte.
    SAMPLES = "samples"  #: Tables of an MP4 file agree with its data, and samples were looked into.


@dataclass(frozen=True, slots=True)
class Examination:
    """What was seen. No text of the file is ever repeated.

    A `fault` means that the bytes do not fit: they are fetched once more before they are believed.
    `is_no_file` says that this is an error page, some message or nothing in the place of the file,
    which may well come twice. A `note` says what is unusual about a file that is believed.
    """

    structure: Structure = Structure.NONE
    fault: str | None = None
    is_no_file: bool = False
    note: str | None = None

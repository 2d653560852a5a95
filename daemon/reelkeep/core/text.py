"""Text from the disk, from strangers and of errors, made fit to be kept anywhere.

A name on disk is bytes. Python shows those that are not UTF-8 as lone surrogates, which neither
SQLite nor JSON in UTF-8 can hold.
"""

from __future__ import annotations

import unicodedata
from pathlib import PurePath
from traceback import extract_tb

from reelkeep.errors import Error


def is_storable(text: str) -> bool:
    """Return whether `text` can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable(text: str) -> str:
    r"""Return `text` with what is not UTF-8 escaped: the byte FC as `\xfc`."""
    if is_storable(text):
        return text
    try:
        return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:  # halves of pairs that stand for no byte
        return text.encode(errors="backslashreplace").decode()


def folded(text: str) -> str:
    """Return `text` as it is compared; SQLite itself knows the case of ASCII only."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


LONGEST = 500
"""Characters of one sentence."""


def describe_error(error: Exception) -> str:
    """Return `error` in a sentence.

    Of an exception that is not ours only class and place are told: a bug's own words may hold a
    locator or a token.
    """
    if isinstance(error, Error):
        return (str(error) or error.code)[:LONGEST]
    return f"a bug: {type(error).__name__}{_place(error)}"


def _place(error: Exception) -> str:
    frames = extract_tb(error.__traceback__)
    return f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""

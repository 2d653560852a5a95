"""Turn an error into the sentence that people and catalogs keep of it."""

from __future__ import annotations

from pathlib import PurePath
from traceback import extract_tb

from reelkeep.errors import Error

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

"""Text that comes from the disk or from strangers, made fit to be kept anywhere.

A name on disk is bytes. Python shows those that are not UTF-8 as lone surrogates, which neither
SQLite nor JSON in UTF-8 can hold.
"""

from __future__ import annotations


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

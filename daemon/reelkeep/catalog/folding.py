"""Compare text where upper and lower case do not matter, in any script."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """Return `text` as it is compared; SQLite itself knows the case of ASCII only."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())

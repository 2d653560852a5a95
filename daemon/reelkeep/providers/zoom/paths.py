"""Spell the paths of the API."""

from __future__ import annotations

from urllib.parse import quote


def encoded(uuid: str, *, twice: bool = False) -> str:
    """Return a meeting's or session's id as one segment of a path.

    These ids are base64. One with a slash must be encoded twice, or it is not found (provider
    notes, section 2.2); any other may be.
    """
    once = quote(uuid, safe="")
    return quote(once, safe="") if twice or "/" in uuid else once


def user(name: str) -> str:
    """Return a user's id or address as one segment of a path."""
    return quote(name, safe="@")

"""Send stored files by range, a piece at a time, never faster than the browser reads."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import anyio
from aiohttp import web

from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import HeldFile, Holding
from reelkeep.page.access import PROTECTION
from reelkeep.page.ranges import Unsatisfiable, wanted
from reelkeep.page.source import MediaStore, OpenMedia
from reelkeep.page.views import INLINE, extension

MOST_STREAMS: Final = 16
"""Files that are sent at once; transfers have the disk first."""

PIECE: Final = 256 * 1024
"""Bytes read at a time."""

STALLED: Final = 60.0
"""Seconds in which a browser must take a piece."""


class MediaSender:
    """Sends what the catalog calls stored, by recording and number, never by a path."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self._streams = 0

    async def send(
        self, request: web.BaseRequest, holding: Holding, number: int, *, download: bool
    ) -> web.StreamResponse | None:
        """Answer with a file of `holding`; None if there is no such file, or it is not here."""
        file = holding.files[number - 1] if 0 < number <= len(holding.files) else None
        if file is None or file.state != FileState.STORED:
            return None
        if self._streams >= MOST_STREAMS:
            return web.Response(status=503, headers={"Retry-After": "5"}, text="too many streams\n")
        self._streams += 1
        try:
            async with self._store.open(holding, file) as media:
                if media is None:
                    return None
                return await _answer(request, file, media, download=download)
        finally:
            self._streams -= 1


async def _answer(
    request: web.BaseRequest, file: HeldFile, media: OpenMedia, *, download: bool
) -> web.StreamResponse:
    etag = f'"{file.sha256}"'
    headers = {
        **PROTECTION,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "ETag": etag,
        **described(file, download=download),
    }
    if etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    try:
        part = wanted(
            request.headers.get("Range"),
            media.size,
            condition=request.headers.get("If-Range"),
            etag=etag,
        )
    except Unsatisfiable:
        return web.Response(
            status=416, headers={**headers, "Content-Range": f"bytes */{media.size}"}
        )
    if part.partial:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{media.size}"
    response = web.StreamResponse(status=206 if part.partial else 200, headers=headers)
    response.content_length = part.size
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    at = part.start
    while at < part.end:
        piece = await media.read(at, min(PIECE, part.end - at))
        if not piece:
            raise ConnectionError("the file is shorter than its size")
        with anyio.fail_after(STALLED):
            await response.write(piece)
        at += len(piece)
    return response


def described(file: HeldFile, *, download: bool) -> dict[str, str]:
    """Return the headers that say what a file is, and whether a browser may show it."""
    shown = INLINE.get(extension(file.name))
    how = "inline" if shown and not download else "attachment"
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in file.name)
    name = quote(file.name, safe="", errors="replace")
    return {
        "Content-Type": shown or "application/octet-stream",
        "Content-Disposition": f"{how}; filename=\"{plain}\"; filename*=UTF-8''{name}",
    }

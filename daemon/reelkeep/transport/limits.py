"""How long the head of a reply may be, whichever library reads it.

RFC 9110 sets no limit (section 5.4). Policies of 10 to 35 kB are in the wild, `core.urls` reads
addresses of 16 KiB, browsers and curl take heads of 256 to 300 KiB. What is bounded here:

    one line            64 KiB       the status line, or one field: its name and its value
    fields              256          cookies count as fields; so do the trailers of a chunked body
    the head            256 KiB      all of it, for each of the interim (1xx) replies anew
    a chunk's own line  256 KiB      its size and extensions, which are dropped; also all trailers

aiohttp drops the extensions of chunks as they come, however many: they are no bytes of a body, so
that a reply of nothing else is `Stalled` after `downloads.stall_timeout`.
"""

from __future__ import annotations

MAX_LINE = 64 << 10
MAX_FIELDS = 256
MAX_HEAD = 256 << 10

TOO_LONG = "the reply's head is too long"
"""What is said when one of them is exceeded."""

"""What the transport is built with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from reelkeep.core.addresses import AddressPolicy

MAX_LINE = 64 << 10
MAX_FIELDS = 256
MAX_HEAD = 256 << 10

TOO_LONG = "the reply's head is too long"
"""What is said when one of them is exceeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """The patience, the limits and the trust of one HTTP client."""

    connect_timeout: timedelta = timedelta(seconds=15)  #: For name, connection and TLS together.
    stall_timeout: timedelta = timedelta(seconds=60)  #: For the head, and between any two bytes.
    stall_rate: int = 16 * 1024  #: Bytes a second, averaged over `stall_timeout` of waiting.
    per_host: int = 8  #: Most requests at one host and port at a time.
    proxy: str | None = field(default=None, repr=False)  #: May hold a user and a password.
    ca_file: Path | None = None  #: Trust anchors beside those of the system, PEM.
    allow: AddressPolicy = field(default_factory=AddressPolicy)

"""Whether this machine has the certificates that TLS needs to trust anybody."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path


def authorities_are_missing() -> bool:
    """Return whether this machine has no CA certificates, so that TLS trusts nobody. Blocks."""
    paths = ssl.get_default_verify_paths()  # None where there is nothing
    with suppress(OSError):
        if paths.cafile and Path(paths.cafile).stat().st_size:
            return False
        if paths.capath and any(Path(paths.capath).iterdir()):
            return False
    return True


NO_AUTHORITIES = (
    "this machine has no CA certificates; install its package ca-certificates, or set "
    "network.ca_file"
)
"""The sentence for that."""

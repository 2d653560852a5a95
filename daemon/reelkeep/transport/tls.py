"""Whom TLS trusts."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal

from reelkeep.errors import ConfigError


def tls_context(ca_file: Path | None) -> ssl.SSLContext | Literal[True]:
    """Return a verifying context that trusts the system and `ca_file`. Reads files: blocks.

    Without `ca_file` it is True: the same, as aiohttp makes it for itself when it is imported.

    Raises:
        ConfigError: `ca_file` cannot be read, or holds no certificate.
    """
    if ca_file is None:
        return True
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"network.ca_file: no certificates in {ca_file}") from error
    return context

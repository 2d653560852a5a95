"""Whom TLS trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

from reelkeep.errors import ConfigError


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a verifying context that trusts the system and `ca_file`. Reads files: blocks.

    Raises:
        ConfigError: `ca_file` cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(f"network.ca_file: no certificates in {ca_file}") from error
    return context

"""Make a certificate authority, and a certificate of it for the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM."""

    authority: Path  #: What clients are told to trust.
    server: Path  #: Key and chain.


def make_certificates(home: Path) -> Certificates:
    """Write new certificates for 127.0.0.1 into `home`."""
    made = Certificates(home / "authority.pem", home / "server.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(made.authority))
    leaf = authority.issue_cert("127.0.0.1")
    leaf.private_key_and_cert_chain_pem.write_to_path(str(made.server))
    return made

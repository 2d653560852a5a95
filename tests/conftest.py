"""What every test may use."""

from __future__ import annotations

import ssl

import pytest
import trustme
from hypothesis import settings

settings.register_profile("busy", deadline=None)  # two cores, and several workers on them
settings.load_profile("busy")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the daemon does."""
    return "asyncio"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Whoever signs certificates here."""
    return trustme.CA()


@pytest.fixture(scope="session")
def localhost_tls(authority: trustme.CA) -> ssl.SSLContext:
    """What a server needs that is called localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """What a client needs that trusts nobody but the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture
def quick_trust(trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each client the reading of the system's certificates, which takes most of the time."""
    monkeypatch.setattr("reelkeep.transport.tls.tls_context", lambda _file: trusting)

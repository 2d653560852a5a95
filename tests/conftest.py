"""What every test may use."""

from __future__ import annotations

import os
import ssl

import pytest
import trustme
from hypothesis import settings

PROVING = "REELKEEP_PROVE" in os.environ
"""Whether the long proofs are run: then properties are tried with many and ever new examples."""

settings.register_profile("prove", deadline=None)  # two cores, and several workers on them
settings.register_profile(
    "test", deadline=None, max_examples=25, derandomize=True, database=None
)  # the same verdict each time
settings.load_profile("prove" if PROVING else "test")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long proofs have all properties, too."""
    for item in items:
        tried = isinstance(item, pytest.Function) and hasattr(item.obj, "is_hypothesis_test")
        if PROVING and tried:
            item.add_marker(pytest.mark.prove)


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
    monkeypatch.setattr("reelkeep.transport.options.tls_context", lambda _file: trusting)

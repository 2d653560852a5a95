"""Turn what aiohttp, ssl and the sockets raise into this package's errors.

Their messages are never passed on: they quote URLs, header lines and whole requests. For the same
reason only a socket's or TLS's own error is kept as the cause, and never one of aiohttp's.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientError,
    ClientHttpProxyError,
    ClientResponseError,
    ConnectionTimeoutError,
    InvalidURL,
    NonHttpUrlClientError,
    ServerDisconnectedError,
)
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from reelkeep.config_types.provider import NO_AUTHORITIES, authorities_are_missing
from reelkeep.core.addresses import Origin
from reelkeep.errors import BadReply, Garbled, Refused, TransferError, Unreachable, Untimely
from reelkeep.transport.options import TOO_LONG

_UNTIMELY = frozenset({9, 10})
"""OpenSSL's codes for a certificate that is not valid yet, or not any more."""

FOREIGN = (ClientError, HttpProcessingError, OSError, UnicodeError)
"""Everything that a request may raise; timeouts and ssl's errors are OSErrors."""


@contextmanager
def at_the_edge(origin: Origin) -> Iterator[None]:
    """Raise foreign errors of the block, in which the head of a reply comes, as ours."""
    try:
        yield
    except FOREIGN as error:
        raise translated(error, origin, unreadable=Garbled) from root(error)


def translated(
    error: BaseException, origin: Origin, *, unreadable: type[TransferError] = BadReply
) -> TransferError:
    """Return our error for a foreign one; `unreadable` is that for what is not HTTP."""
    ours: type[TransferError] = Unreachable
    match error:
        case ClientConnectorCertificateError():
            ours = Untimely if _is_untimely(error) else Refused
            text = _certificate_fault(error)
        case InvalidURL() | NonHttpUrlClientError() | UnicodeError():
            ours, text = Refused, "the HTTP client cannot use the address"
        case ConnectionTimeoutError():
            text = "no connection in time"
        case ClientConnectorDNSError():
            text = "the name could not be resolved"
        case ClientHttpProxyError():
            text = f"the proxy answered {error.status}"
        case ClientResponseError() | HttpProcessingError():
            ours, text = unreadable, _reading_fault(error)
        case ServerDisconnectedError():
            text = "the connection was closed before the reply"
        case _:
            text = _socket_fault(error)
    return ours(f"{origin}: {text}")


def root(error: BaseException) -> BaseException | None:
    """Return the error of socket or TLS beneath `error`; it holds no URL and no header."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and not isinstance(below, ClientError):
            return below
        below = below.__cause__
    return None


def _reading_fault(error: BaseException) -> str:
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, LineTooLong) or "Too many headers" in getattr(below, "message", ""):
            return TOO_LONG
        below = below.__cause__
    return "the reply is not readable as HTTP"


def _is_untimely(error: ClientConnectorCertificateError) -> bool:
    """Return whether the certificate is only not valid at this time."""
    return getattr(error.certificate_error, "verify_code", None) in _UNTIMELY


def _certificate_fault(error: ClientConnectorCertificateError) -> str:
    fault = error.certificate_error
    reason = getattr(fault, "verify_message", "") or "unknown reason"
    hint = f" ({NO_AUTHORITIES})" if "issuer" in reason and authorities_are_missing() else ""
    if _is_untimely(error):
        hint = "; is the clock of this machine right?"
    return f"its certificate is not accepted: {reason}{hint}"


def _socket_fault(error: BaseException) -> str:
    below = root(error)
    if isinstance(below, ssl.SSLError):
        return f"TLS failed: {getattr(below, 'reason', None) or 'unknown reason'}"
    if isinstance(below, OSError) and below.errno:
        return os.strerror(below.errno)
    return "the connection broke"

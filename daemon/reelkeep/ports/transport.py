"""What the pipeline needs of an HTTP client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. `credentials` go to the origin of `url` and to no other."""

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    kin: str | None = None  #: See `Locator.kin`.
    body: bytes | None = field(default=None, repr=False)
    follow: bool = True  #: Follow redirects (GET only), at most ten, never from https to http.
    expects: int | None = None
    """Bytes of the body that the provider promised; what a host says of itself is no promise.

    A transport may read a large body in another way than a small one (ADR 23).
    """
    is_file: bool = False
    """The body is a file. If its size is not promised, as that of no range is, it comes on a
    connection that served nothing before: only that tells it from what a host says there unasked.
    """


class DirectReader(Protocol):
    """The rest of a body of known length, drawn by one thread at a time from its connection."""

    @property
    def left(self) -> int:
        """Bytes that were not drawn yet; 0 when the body is complete."""
        ...

    async def grant(self) -> int:
        """Begin a slice of drawing; return how many bytes may be drawn in it, once they may."""
        ...

    def draw(self, into: memoryview) -> int:
        """Put bytes at the beginning of `into`; return how many. Blocking.

        Fewer than would fit come at the end of the body, and when the slice has taken its time:
        that is soon, so that whoever waits for the thread is not held up. What came before a
        break is returned first; the next call raises.

        Raises:
            Unreachable, Stalled, WrongBytes: As `Reply.chunks`.
        """
        ...


class Reply(Protocol):
    """The head of an HTTP reply, and its body as a stream that is read at most once."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields; looking one up ignores case, the first of several wins.

        `core.replies.joined` has all lines of a field that is a list.
        """
        ...

    @property
    def origin(self) -> str:
        """Scheme, host and port that answered at last; safe to log."""
        ...

    @property
    def hops(self) -> int:
        """How many redirects were followed."""
        ...

    @property
    def given(self) -> int:
        """Bytes of the body that `chunks` yielded and `tap` gave, as the transport counts them."""
        ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes, never decoded, in pieces of any size.

        Raises:
            Unreachable: The stream broke, or ended before its announced length.
            Stalled: No, or hardly any, bytes came for too long (`downloads.stall_timeout`).
            WrongBytes: Bytes that came on this connection went elsewhere.
            BadReply: The framing is broken or contradicts itself.
        """
        ...

    def tap(self) -> AbstractAsyncContextManager[DirectReader | None]:
        """Let a thread read what is left of the body; None if it must be read in `chunks`.

        Bytes that `chunks` gave already are not given again. Leaving the context waits for the
        thread.
        """
        ...


class Transport(Protocol):
    """An HTTP client that speaks this package's errors and knows nothing of files."""

    def open(self, request: Request) -> AbstractAsyncContextManager[Reply]:
        """Send `request`; whatever status comes is a reply. Never decompresses, never retries.

        Leaving the context with the body unread closes the connection.

        Raises:
            Refused: The address, a redirect or its scheme is against the policy.
            Unreachable: There is no connection to be had, or it broke before the head came.
            Stalled: The head did not come in time.
            Garbled: The head is not HTTP, or contradicts itself.
        """
        ...

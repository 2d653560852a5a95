"""The body of a reply on a connection of its own: what came of it, and the account of each byte."""

from __future__ import annotations

from reelkeep.core.urls import Origin
from reelkeep.errors import BadReply, WrongBytes
from reelkeep.transport.connection import Connection
from reelkeep.transport.exchange import Exchange, Head


class Body:
    """A body of `head.length` bytes, or of unknown length, and how many of them were `given`.

    It is read by one party at a time: the task that opened the reply, or a thread it waits for.
    """

    def __init__(
        self, connection: Connection, exchange: Exchange, head: Head, origin: Origin
    ) -> None:
        self.origin = origin
        self.length = head.length
        self.given = 0  #: Bytes of the body that its reader has.
        self.sock = connection.sock
        self._connection = connection
        self._exchange = exchange
        self._head = head.size
        self._early = memoryview(exchange.early)
        self._beyond = self.length is not None and len(self._early) > self.length

    @property
    def left(self) -> int:
        """Bytes of a body of known length that were not given yet."""
        return 0 if self.length is None else self.length - self.given

    async def piece(self) -> bytes:
        """Return the next bytes, none when the connection or the body has ended."""
        self._refuse_more()
        if self.length is None:
            piece = await self._exchange.piece()
        elif self._early:
            piece, self._early = bytes(self._early), self._early[:0]
        elif not self.left:
            return b""
        else:
            piece = await self._connection.receive(self.left)
        self.given += len(piece)
        return piece

    def receive_into(self, into: memoryview) -> int:
        """Put the next bytes of a body of known length into `into`; return how many, 0 at the end.

        Raises:
            BlockingIOError: There are none yet.
        """
        self._refuse_more()
        if self._early:
            count = min(len(self._early), len(into))
            into[:count], self._early = self._early[:count], self._early[count:]
        else:
            count = self._connection.receive_into(into[: self.left])
        self.given += count
        return count

    def _refuse_more(self) -> None:
        """Take nothing of a body that came longer than its head says (RFC 9112 section 6.3)."""
        if self._beyond:
            raise BadReply(f"{self.origin}: more bytes came than were announced")

    def account(self, *, over: bool = False) -> None:
        """See that the bytes given are all that came, and that nobody else took any.

        It is exact at the end, and when it is `over` before. Else bytes that arrive at this moment
        may hide others until the next time.

        Raises:
            WrongBytes: They are not; none of what came can be trusted.
        """
        exact = over or not self.left
        lost = self._connection.lost() if exact else self._connection.lost_for_certain()
        if lost:
            more = "more" if lost > 0 else "fewer"
            raise WrongBytes(
                f"{self.origin}: the kernel received {abs(lost)} bytes {more} than were read"
            )
        if self.length is None:  # h11 has the frames, and reads each byte of them
            return
        explained = self._head + self.given + len(self._early)
        if self._connection.received != explained:
            raise WrongBytes(
                f"{self.origin}: {self._connection.received} bytes came, {explained} were read"
            )

"""Write numbers bit by bit, as video, audio and picture formats want them."""

from __future__ import annotations


class BitWriter:
    """Collects bits, most significant first."""

    def __init__(self) -> None:
        self._bits: list[str] = []
        self._count = 0

    def put(self, value: int, width: int) -> BitWriter:
        """Append `value` in `width` bits; a width of 0 appends nothing."""
        if width:
            self._bits.append(format(value, f"0{width}b"))
            self._count += width
        return self

    def unsigned(self, *values: int) -> BitWriter:
        """Append Exp-Golomb codes (ITU-T H.264, 9.1)."""
        for value in values:
            length = (value + 1).bit_length()
            self.put(value + 1, 2 * length - 1)
        return self

    def align(self, fill: int = 0) -> BitWriter:
        """Fill up to the next byte with bits of `fill`."""
        while self._count % 8:
            self.put(fill, 1)
        return self

    def octets(self, data: bytes) -> BitWriter:
        """Append whole bytes."""
        return self.put(int.from_bytes(data), 8 * len(data))

    def done(self, fill: int = 0) -> bytes:
        """Return what was written, filled up to a whole byte."""
        text = "".join(self.align(fill)._bits)  # noqa: SLF001 - it is this very object
        return int(text, 2).to_bytes(len(text) // 8) if text else b""

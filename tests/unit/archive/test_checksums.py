"""Digests by name, against what their definitions and others say they are."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.archive.hashed_file import new_hash

CHECK = b"123456789"


def digest(name: str, *pieces: bytes) -> str:
    hashed = new_hash(name)
    for piece in pieces:
        hashed.update(piece)
    return hashed.hexdigest()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        # the check values of the catalogue of parametrised CRC algorithms
        ("crc32", CHECK, "cbf43926"),
        ("crc32c", CHECK, "e3069283"),
        ("crc64nvme", CHECK, "ae8b14860a799888"),
        # RFC 3720, appendix B.4
        ("crc32c", bytes(32), "8a9136aa"),
        ("crc32c", b"\xff" * 32, "62a8ab43"),
        ("crc32c", bytes(range(32)), "46dd794e"),
        # IANA's registry of digests; these begin with a 0
        ("crc32c", b"dog", "0a72a4df"),
        ("adler32", b"Wiki", "03da0195"),
        # of nothing
        ("crc32", b"", "00000000"),
        ("crc32c", b"", "00000000"),
        ("crc64nvme", b"", "0000000000000000"),
        ("adler32", b"", "00000001"),
        ("md5", b"", "d41d8cd98f00b204e9800998ecf8427e"),
        ("sha1", b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ],
)
def test_a_known_value(name: str, content: bytes, expected: str) -> None:
    assert digest(name, content) == expected


@pytest.mark.parametrize("name", ["sha256", "sha512"])
def test_what_hashlib_has_is_hashlibs(name: str) -> None:
    assert digest(name, b"a", b"b") == hashlib.new(name, b"ab").hexdigest()


def bit_by_bit(content: bytes, polynomial: int, width: int) -> str:
    """Return a reflected CRC with all bits of register and result inverted, as defined."""
    mask = (1 << width) - 1
    register = mask
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (polynomial if register & 1 else 0)
    return f"{register ^ mask:0{width // 4}x}"


@pytest.mark.parametrize(
    ("name", "polynomial", "width"),
    [
        ("crc32", 0xEDB88320, 32),
        ("crc32c", 0x82F63B78, 32),
        ("crc64nvme", 0x9A6C9329AC4BC9B5, 64),
    ],
)
@given(pieces=st.lists(st.binary(max_size=80), max_size=4))
def test_a_crc_is_what_its_definition_says_however_the_pieces_come(
    name: str, polynomial: int, width: int, pieces: list[bytes]
) -> None:
    assert digest(name, *pieces) == bit_by_bit(b"".join(pieces), polynomial, width)


def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="crc7"):
        new_hash("crc7")


def test_the_library_is_left_alone_until_a_byte_needs_it() -> None:
    program = """if True:
        import sys
        from reelkeep.archive.hashed_file import new_hash
        late = new_hash("crc32c")
        new_hash("sha256").update(b"x"), new_hash("crc32").update(b"x")
        assert not any(name.startswith("awscrt") for name in sys.modules)
        late.update(b"x")
        assert "awscrt.checksums" in sys.modules
    """
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.manifest import decode_sums, encode_sums

DIGESTS = st.binary().map(lambda content: hashlib.sha256(content).hexdigest())
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1)
ODD = [
    "plain.mp4",
    "two  spaces.mp4",
    "-n",
    "*star",
    "back\\slash",
    "new\nline",
    "re\rturn",
    "ü\u2028",
]


@given(st.dictionaries(NAMES, DIGESTS))
def test_what_is_encoded_is_decoded(sums: dict[str, str]) -> None:
    assert decode_sums(encode_sums(sums)) == sums


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_odd_names_are_written_as_sha256sum_writes_them(tmp_path: Path) -> None:
    for name in ODD:
        (tmp_path / name).write_bytes(name.encode())
    program = subprocess.run(
        ["sha256sum", "--", *ODD], cwd=tmp_path, capture_output=True, check=True
    )
    sums = {name: hashlib.sha256(name.encode()).hexdigest() for name in ODD}
    assert encode_sums(sums) == program.stdout


def test_the_binary_form_is_read_too() -> None:
    assert decode_sums(b"A" * 64 + b" *a.mp4\n") == {"a.mp4": "a" * 64}


@pytest.mark.parametrize(
    "content",
    [b"nonsense\n", b"0" * 63 + b"  a\n", b"0" * 64 + b"  \n", b"\xff", (b"0" * 64 + b"  a\n") * 2],
)
def test_other_lines_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"line \d|codec"):
        decode_sums(content)

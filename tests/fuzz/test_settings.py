"""A configuration is valid, or all that is wrong with it is said; in bounded time and memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fuzz.hostile import FAST, FEW, RAW, peak, spoilt
from reelkeep.errors import ConfigError
from reelkeep.settings.changes import resolved
from reelkeep.settings.load import load

GOOD = {
    "archive": {"path": "kept", "min_free": "1GiB", "scrub": "30d", "format": "plain"},
    "downloads": {"workers": 8, "bandwidth": None, "retry": {"base": "1s", "attempts": 8}},
    "network": {"allow": ["127.0.0.0/8"], "proxy": None},
    "server": {"listen": "127.0.0.1:9477"},
    "providers": [
        {
            "name": "sdk", "type": "zoom-videosdk", "api_key": "k",
            "api_secret": {"env": "SECRET"}, "since": "2024-01-01",
            "include": {"topic": "^a", "file_types": ["MP4"]},
        }
    ],
}  # fmt: skip

BOMB = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""A billion laughs: nine lines, nine to the ninth texts."""


def read(folder: Path, content: bytes) -> bool:
    """Return whether `content` is a valid configuration."""
    path = folder / "reelkeep.yaml"
    path.write_bytes(content)
    try:
        settings = load(path, environ={"SECRET": "s3cr3t-0001"})
    except ConfigError as error:
        assert str(error)  # noqa: PT017 - either is fine
        return False
    assert resolved(settings)
    return True


def test_the_good_one_is_good(tmp_path: Path) -> None:
    assert read(tmp_path, yaml.safe_dump(GOOD).encode())


@FEW
@given(document=spoilt(GOOD, RAW.filter(lambda value: yaml.safe_dump(value) is not None)))
def test_a_spoilt_configuration_is_tolerated_or_refused(tmp_path: Path, document: object) -> None:
    read(tmp_path, yaml.safe_dump(document).encode("utf-8", "surrogatepass"))


@FAST
@given(
    content=st.binary(max_size=300)
    | st.text(max_size=300).map(lambda t: t.encode(errors="replace"))
)
def test_any_bytes_are_refused_in_words(tmp_path: Path, content: bytes) -> None:
    read(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        BOMB.encode(),
        b"a: &a [*a]",
        b"a: &a {b: *a}\n<<: *a",
        b"[" * 100_000,
        b"{a: " * 100_000,
        b"- " * 100_000,
        b"a: " + b"1" * 500_000,
        b"a: 1" + b"0" * 5000,
        b"a: " + b"1:" * 20_000 + b"1",
        b"a: !!python/object/apply:os.system [id]",
        b"? " * 50_000,
        b"a: 2025-99-99T99:99:99Z",
        b"\xff\xfe" + "a: 1".encode("utf-16-le"),
        b"x" * 2_000_000,
        b"".join(b"k%d: 1\n" % number for number in range(21_000)),
        b"a: |\n" + b" x\n" * 100_000,
        b"a: 0b" + b"1" * 10_000,
        b"a: .nan\nb: .inf",
        b"--- 1\n--- 2",
        b"%YAML 9.9\n---\na: 1",
    ],
    ids=range(20),
)
def test_a_monstrous_configuration_is_refused_at_a_bounded_cost(
    tmp_path: Path, content: bytes
) -> None:
    before = peak()
    assert not read(tmp_path, content)
    assert peak() - before < 256 << 20

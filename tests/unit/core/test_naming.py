"""Names made of hostile text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pathvalidate import validate_filename

from reelkeep.core import naming
from reelkeep.core.naming import NAME_BYTES, file_name, safe_name, shorten

HARD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(" .-_/\\:*?<>|\"'$0123456789cCoOnNuUlLpPrRmMtTaAxX"),
        st.sampled_from("\0\n\x1b\x85\u200b\u200d\u202e\u2066\ufeff\ufe0f\u0301\u0338\u034f\u115f"),
        st.sampled_from("\ud800\udfff\u212a\u2190\u2329\u2adc\u2764\U0001f600\U0001f3fd\U0001d15e"),
        st.sampled_from("\u1100\u1161\u11a8\u0e33\u0f71\u0f72\uf03a\ufdd0\U000e0041\U0001fadf"),
    ),
    max_size=400,
)
PORTS = [f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789\u00b9\u00b2\u00b3"]
DEVICES = ("con", "prn", "aux", "nul", "conin$", "conout$", *PORTS)


def is_safe(name: str) -> bool:
    stem = name.partition(".")[0].rstrip(" ").lower()
    return (
        0 < len(name.encode()) <= NAME_BYTES
        and unicodedata.is_normalized("NFC", name)
        and not set(name) & set('<>:"/\\|?*')
        and not any(unicodedata.category(char) in {"Cc", "Cs", "Co", "Zl", "Zp"} for char in name)
        and all(char == "\u200d" for char in name if unicodedata.category(char) == "Cf")
        and name[0] not in " .-"
        and name[-1] not in " ."
        and stem not in DEVICES
    )


@given(HARD)
@example("CON")
@example("\u2764\u200d\u2329")
@example("\U0001f600\u200d" * 60)
@example("a" + "\u0301" * 300)
@example("x" * 254 + "\u00e9")
def test_any_text_becomes_a_safe_name(text: str) -> None:
    assert is_safe(safe_name(text))


@given(HARD, st.integers(8, 255))
@example("\U0001f600\u200d" * 60, 255)
@example("\U0001f600\u200d\u2194\u200b\u0338", 255)
def test_a_safe_name_is_left_alone(text: str, limit: int) -> None:
    once = safe_name(text, limit=limit)
    assert safe_name(once, limit=limit) == once


@given(HARD, st.integers(0, 40))
def test_a_name_keeps_to_its_limit(text: str, limit: int) -> None:
    assert len(safe_name(text, limit=limit).encode()) <= limit


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Weekly sync", "Weekly sync"),
        ("shared_screen_with_speaker_view(CC)", "shared_screen_with_speaker_view(CC)"),
        ("__init__", "__init__"),
        ("Design / Review", "Design _ Review"),
        ("10:30 <b>Q&A</b>?", "10_30 _b_Q&A_b"),
        ("a//\\b", "a_b"),
        ("../../etc/passwd", "etc_passwd"),
        ("..", "untitled"),
        ("", "untitled"),
        ("???", "untitled"),
        (" \t\n", "untitled"),
        ("\u200b\u202e\ufeff", "untitled"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("name. . ", "name"),
        ("two\n\t lines", "two lines"),
        ("no\u00a0break\u3164blank", "no break blank"),
        ("\x1b[31mred", "[31mred"),
        ("a\x85b\x9bc", "a b_c"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("pass\u200bword", "password"),
        ("soft\u00adhyphen", "softhyphen"),
        ("half \ud83d pair", "half _ pair"),
        ("\uf03a private", "private"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("\u0301accent first", "accent first"),
        ("\u037e question", "; question"),
        ("<\u200b\u0338", "untitled"),
        ("a<\u0338b", "a\u226eb"),
        ("e\u200b\u0301", "\u00e9"),
        ("a\u034fb", "ab"),
        ("a\u0378b", "a_b"),
        ("new \U0001fadf", "new \U0001fadf"),
        ("\U0001f469\u200d\U0001f4bb dev", "\U0001f469\u200d\U0001f4bb dev"),
        ("\u2764\ufe0f\u200d\U0001f525", "\u2764\ufe0f\u200d\U0001f525"),
        ("x\u200dy \U0001f469\u200d", "xy \U0001f469"),
        ("\u4f1a\u8bae \u0420\u0443\u0441", "\u4f1a\u8bae \u0420\u0443\u0441"),
        ("CON", "_CON"),
        ("con.mp4", "_con.mp4"),
        ("Nul .txt", "_Nul .txt"),
        ("COM\u00b9", "_COM\u00b9"),
        ("CONIN$", "_CONIN$"),
        ("lpt9.tar.gz", "_lpt9.tar.gz"),
        ("Console", "Console"),
        ("com10", "com10"),
        ("recording.json", "recording.json"),
    ],
)
def test_what_becomes_of_a_text(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_cutting_may_uncover_a_device_which_is_then_escaped() -> None:
    assert safe_name("CONSOLE", limit=3) == "_CO"


def test_a_cut_name_is_stripped_again() -> None:
    assert safe_name("abc. def", limit=5) == "abc"


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("abc", 3, "abc"),
        ("abc", 2, "ab"),
        ("\u00e9\u00e9", 3, "\u00e9"),
        ("\U0001f600", 3, ""),
        ("ax\u0323", 2, "a"),
        ("a\U0001f469\u200d\U0001f4bb", 8, "a"),
        ("a\U0001f44b\U0001f3fd", 5, "a"),
        ("a" + "\u0323" * 9, 5, "a\u0323\u0323"),
    ],
)
def test_text_is_shortened_between_clusters(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


def test_the_fallback_is_the_callers_choice() -> None:
    assert safe_name("...", fallback="") == ""


def test_a_key_is_the_same_for_ever() -> None:
    assert naming.key("support", "900000000000001") == "8e39b6a222007d8d"


@given(HARD, HARD)
def test_a_key_is_sixteen_hex_digits(provider: str, recording_id: str) -> None:
    key = naming.key(provider, recording_id)
    assert len(key) == 16
    assert set(key) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("a", "B=="), ("a", "b==")),
        (("a", "1,2:bc"), ("a", "1")),
        (("", "a"), ("a", "")),
        (("a", "\u00e9"), ("a", "e\u0301")),
    ],
)
def test_keys_tell_recordings_apart(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert naming.key(*one) != naming.key(*other)


@pytest.mark.parametrize(
    ("stem", "extension", "number", "name"),
    [
        ("recording", "mp4", 1, "recording.mp4"),
        ("audio_only", "M4A", 2, "audio_only-2.m4a"),
        ("gallery_view(CC)", "MP4", 1, "gallery_view(CC).mp4"),
        ("poll", "", 1, "poll.bin"),
        ("poll", "../x", 1, "poll.bin"),
        ("poll", "json\u0301", 1, "poll.bin"),
        ("poll", "elevenchars", 1, "poll.bin"),
        ("", "vtt", 1, "file.vtt"),
        ("../..", "vtt", 1, "file.vtt"),
        ("NUL", "txt", 1, "_NUL.txt"),
        ("recording", "JSON", 1, "recording-file.json"),
        ("Recording", "json", 2, "Recording-file-2.json"),
        ("recording", "txt", 1, "recording.txt"),
        ("SHA256SUMS", "", 1, "SHA256SUMS.bin"),
        ("part-2", "mp4", 1, "part-2-1.mp4"),
        ("part", "mp4", 2, "part-2.mp4"),
    ],
)
def test_what_a_file_is_called(stem: str, extension: str, number: int, name: str) -> None:
    assert file_name(stem, extension, number=number) == name


@given(HARD, HARD, st.integers(1, 10**6))
def test_a_file_name_is_safe(stem: str, extension: str, number: int) -> None:
    name = file_name(stem, extension, number=number)
    assert is_safe(name)
    assert name.casefold() not in {"recording.json", "sha256sums"}


@given(st.lists(st.tuples(HARD | st.sampled_from(["a", "A", "a-2", "a-2-1"]), HARD), max_size=12))
def test_files_counted_by_their_first_name_never_share_a_name(files: list[tuple[str, str]]) -> None:
    counts: dict[str, int] = {}
    names = []
    for stem, extension in files:
        first = file_name(stem, extension, number=1).casefold()
        counts[first] = counts.get(first, 0) + 1
        names.append(file_name(stem, extension, number=counts[first]).casefold())
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("length", range(180, 256))
def test_stems_are_cut_alike_whatever_their_number(length: int) -> None:
    one, other = "x" * length + "a", "x" * length + "b"
    alike = {
        file_name(one, "mp4", number=number) == file_name(other, "mp4", number=number)
        for number in (1, 2, 10**6)
    }
    assert len(alike) == 1


def test_files_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        file_name("a", "mp4", number=0)


@given(HARD)
@example("COM¹")
@example("a\u202ee.txt")
def test_another_authority_on_names_agrees(text: str) -> None:
    """pathvalidate knows the rules of Linux, macOS and Windows independently of us."""
    validate_filename(safe_name(text), platform="universal", max_len=255)

"""Transcripts as lines that can be sought by."""

from __future__ import annotations

import pytest

from reelkeep.page.transcript import MOST_LINES, lines

ORDINARY = b"""WEBVTT

NOTE a remark

1
00:00:01.000 --> 00:00:03.000
<v Kim Doe>Hello &amp; <b>welcome</b>

00:05.500 --> 00:07.000 align:start
to the
review

1:02:03,250 --> 1:02:04,000
the end
"""


def test_each_cue_is_a_line_with_its_second() -> None:
    found = [(each.second, each.clock, each.text) for each in lines(ORDINARY)]
    assert found == [
        (1.0, "0:01", "Kim Doe: Hello & welcome"),
        (5.5, "0:05", "to the review"),
        (3723.25, "1:02:03", "the end"),
    ]


def test_carriage_returns_are_line_breaks() -> None:
    assert lines(ORDINARY.replace(b"\n", b"\r\n")) == lines(ORDINARY)


@pytest.mark.parametrize(
    "content",
    [b"", b"WEBVTT", b"\xff\xfe\x00", b"00:00:01.000 -->", b"-->\n-->\n\n-->", b"<script>" * 99],
)
def test_what_is_no_transcript_has_no_lines(content: bytes) -> None:
    assert lines(content) == []


def test_markup_is_text_when_it_is_escaped() -> None:
    (line,) = lines(b"00:00:01.000 --> 00:00:02.000\n&lt;script&gt;alert(1)&lt;/script&gt;")
    assert line.text == "<script>alert(1)</script>"  # and the template escapes it again


def test_lines_without_end_come_to_one() -> None:
    content = b"\n\n".join([b"00:00:01.000 --> 00:00:02.000\nla"] * (MOST_LINES + 10))
    assert len(lines(content)) == MOST_LINES

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.addresses import MAX_LENGTH, Origin, parse, resolve
from reelkeep.errors import Refused

BASE = parse("https://zoom.test/rec/download/one?x=1")


@pytest.mark.parametrize(
    "text",
    [
        "https://zoom.test/a%2Fb%252Fc/../d;e?Signature=a~b_c-%7E+%2B&&=&q",
        "https://zoom.test:8443/%zz",
        "https://zoom.test/?",
        "http://127.0.0.1:8080/",
        "https://[2001:db8::1]:8443/x",
        "https://zoom.test./x",
    ],
)
def test_every_byte_of_a_url_survives(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("HTTPS://Zoom.Test/A", "https://zoom.test/A"),
        ("https://zoom.test", "https://zoom.test/"),
        ("https://zoom.test?x=1", "https://zoom.test/?x=1"),
        ("https://zoom.test:443/a", "https://zoom.test/a"),
        ("https://zoom.test:/a", "https://zoom.test/a"),
        ("https://zoom.test/a#fragment?no", "https://zoom.test/a"),
        (" https://zoom.test/a b ", "https://zoom.test/a%20b"),
        ("https://zoom.test/é\udcff", "https://zoom.test/%C3%A9%FF"),
        ("https://[2001:DB8:0::1]/", "https://[2001:db8::1]/"),
        ("https://zoom.test/user@host?a@b", "https://zoom.test/user@host?a@b"),
    ],
)
def test_the_rest_is_written_as_it_will_be_sent(text: str, read: str) -> None:
    assert parse(text).text == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "zoom.test/a",
        "/a",
        "//zoom.test/a",
        "https:zoom.test",
        "https:///a",
        "ftp://zoom.test/secret",
        "file:///etc/secret",
        "javascript://zoom.test/%0asecret",
        "https://user:secret@zoom.test/",
        "https://zoom.test@evil.test/",
        "https://@zoom.test/",
        "https://zoom.test\\@evil.test/",
        "https://zoom.test\\.evil.test/",
        "https://zoom.test/\r\nX-Secret: 1",
        "https://zoom.test/\x00",
        "https://zoom.test/\x7f",
        "https://zoo\tm.test/",
        "https://zoo m.test/",
        "https://zoöm.test/",
        "https://zoom..test/",
        "https://.zoom.test/",
        f"https://{'a' * 64}.test/",
        "https://zoom.test:0/",
        "https://zoom.test:65536/",
        "https://zoom.test:-1/",
        "https://zoom.test:٤٤٣/",
        "https://[::1%25eth0]/",
        "https://[::1/",
        "https://[1.2.3.4]x/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://zoom.test/\ud800",
        f"https://zoom.test/{'a' * MAX_LENGTH}",
        f"https://zoom.test/{'é' * (MAX_LENGTH // 5)}",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert "secret" not in str(caught.value).lower()


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("https://cdn.test/x?Policy=a%2Bb&", "https://cdn.test/x?Policy=a%2Bb&"),
        ("HTTP://cdn.test/x", "http://cdn.test/x"),
        ("//cdn.test/x", "https://cdn.test/x"),
        ("/x/../y?z", "https://zoom.test/x/../y?z"),
        ("two", "https://zoom.test/rec/download/two"),
        ("../two?y", "https://zoom.test/rec/two?y"),
        ("?y=2", "https://zoom.test/rec/download/one?y=2"),
        ("/é x", "https://zoom.test/%C3%A9%20x"),
        ("a:b", None),
        ("mailto:x@zoom.test", None),
        ("https:/x", None),
        ("//user@cdn.test/x", None),
        ("///x", None),
        ("/\r\nSet-Cookie: a", None),
    ],
)
def test_a_location_leads_where_a_browser_would_go(location: str, leads_to: str | None) -> None:
    if leads_to is None:
        with pytest.raises(Refused):
            resolve(BASE, location)
    else:
        assert resolve(BASE, location).text == leads_to


def test_an_origin_is_written_without_its_default_port() -> None:
    origins = [
        Origin("https", "a.test", 443),
        Origin("http", "a.test", 443),
        Origin("http", "::1", 8),
    ]
    assert [str(origin) for origin in origins] == [
        "https://a.test",
        "http://a.test:443",
        "http://[::1]:8",
    ]


def test_a_url_shows_no_query_in_its_repr() -> None:
    assert "secret" not in repr(parse("https://zoom.test/secret?secret"))


@given(st.text())
def test_any_location_is_followed_or_refused(location: str) -> None:
    try:
        url = resolve(BASE, location)
    except Refused:
        return
    assert parse(url.text) == url
    assert url.text.isascii()
    assert url.text.isprintable()

from __future__ import annotations

import pytest

from reelkeep.core.addresses import parse
from reelkeep.core.replies import MAX_HOPS, Trail, begin, follow
from reelkeep.errors import Refused

START = "https://zoom.test/a"
ZOOM = "https://us02web.zoom.us/rec/download/1"
CDN = "https://ssrweb.zoom.us/replay/1?Signature=s"


def walk(start: str, *replies: tuple[int, str | None], kin: str | None = None) -> Trail:
    """Follow `replies` until one of them is the last."""
    trail = begin(parse(start), kin=kin)
    for status, location in replies:
        following = follow(trail, status, location)
        if following is None:
            break
        trail = following
    return trail


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(status: int) -> None:
    assert walk(START, (status, "/b")).url.text == "https://zoom.test/b"


@pytest.mark.parametrize(
    "status", [200, 201, 206, 300, 304, 305, 306, 400, 401, 403, 404, 416, 500]
)
def test_any_other_status_is_the_reply(status: int) -> None:
    assert follow(begin(parse(START)), status, "/b") is None


@pytest.mark.parametrize("location", [None, ""])
def test_a_redirect_to_nowhere_is_the_reply(location: str | None) -> None:
    assert follow(begin(parse(START)), 302, location) is None


@pytest.mark.parametrize(
    ("path", "trusted"),
    [
        ([], True),
        (["/b"], True),
        (["https://zoom.test:443/b"], True),
        (["https://ZOOM.test/b", "/c"], True),
        (["https://zoom.test:8443/b"], False),
        (["https://cdn.zoom.test/b"], False),
        (["https://zoom.test./b"], False),
        (["https://zoom.test.evil.test/b"], False),
        (["https://evil.test/b"], False),
        (["//evil.test/b"], False),
        (["https://evil.test/b", "https://zoom.test/c"], False),
        (["https://evil.test/b", "https://zoom.test/c", "/d"], False),
    ],
)
def test_credentials_never_come_back_once_another_origin_was_seen(
    path: list[str], trusted: bool
) -> None:
    assert walk(START, *((302, location) for location in path)).trusted is trusted


def test_going_from_http_to_https_leaves_the_credentials_behind() -> None:
    trail = walk("http://zoom.test/a", (301, "https://zoom.test/a"))
    assert (trail.url.text, trail.trusted) == (START, False)


@pytest.mark.parametrize("location", ["http://zoom.test/b", "http://127.0.0.1/b"])
def test_going_from_https_to_http_is_refused(location: str) -> None:
    with pytest.raises(Refused, match="from https to http"):
        walk(START, (302, location))


def test_the_tenth_redirect_is_followed() -> None:
    trail = walk(START, *((302, f"/{n}") for n in range(MAX_HOPS)))
    assert trail.hops == 10


def test_the_eleventh_redirect_is_refused() -> None:
    with pytest.raises(Refused, match="more than 10 times"):
        walk(START, *((302, f"/{n}") for n in range(MAX_HOPS + 1)))


@pytest.mark.parametrize("path", [["/a"], ["/a#x"], ["/b", "/a"], ["/b", "/c", "/b"]])
def test_a_circle_is_refused(path: list[str]) -> None:
    with pytest.raises(Refused, match="circle"):
        walk(START, *((302, location) for location in path))


@pytest.mark.parametrize("status", [401, 403])
def test_kin_that_asks_is_shown_the_credentials(status: int) -> None:
    trail = walk(ZOOM, (302, CDN), (status, None), kin=".zoom.us")
    assert (trail.url.text, trail.trusted, trail.hops) == (CDN, True, 1)


def test_kin_is_shown_the_credentials_once() -> None:
    trail = walk(ZOOM, (302, CDN), (403, None), kin=".zoom.us")
    assert follow(trail, 403, None) is None


def test_what_kin_redirects_to_is_not_shown_the_credentials() -> None:
    replies = [(302, CDN), (403, None), (302, "https://file.zoom.us/1"), (403, None)]
    assert walk(ZOOM, *replies, kin=".zoom.us").trusted is False


@pytest.mark.parametrize(
    ("start", "target", "kin"),
    [
        (ZOOM, CDN, None),
        (ZOOM, CDN, ""),
        (ZOOM, CDN, "."),
        (ZOOM, "https://evilzoom.us/1", ".zoom.us"),
        (ZOOM, "https://zoom.us.evil.test/1", ".zoom.us"),
        ("https://evil.test/1", CDN, ".zoom.us"),
        (ZOOM.replace("https", "http"), CDN.replace("https", "http"), ".zoom.us"),
    ],
)
def test_nobody_else_is_kin(start: str, target: str, kin: str | None) -> None:
    trail = walk(start, (302, target), kin=kin)
    assert follow(trail, 403, None) is None


def test_the_domain_itself_is_kin() -> None:
    trail = walk("https://zoom.us/1", (302, CDN), (401, None), kin=".zoom.us")
    assert trail.trusted


@pytest.mark.parametrize("status", [200, 404, 407, 500])
def test_only_a_denial_is_a_question(status: int) -> None:
    assert follow(walk(ZOOM, (302, CDN), kin=".zoom.us"), status, None) is None


def test_a_denial_by_the_first_origin_is_the_reply() -> None:
    assert follow(begin(parse(ZOOM), kin=".zoom.us"), 401, None) is None

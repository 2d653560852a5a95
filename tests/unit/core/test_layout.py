"""Folders for recordings, from honest and from hostile text."""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from reelkeep.core import naming
from reelkeep.core.layout import Layout, parse_layout
from reelkeep.core.naming import safe_name

DEFAULT = "{provider}/{start:%Y/%m/%d}/{start:%H%M%S}-{title}-{key}"
START = datetime(2025, 11, 3, 23, 30, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A recording, as far as a layout asks."""

    provider: str = "support"
    start: datetime | None = START
    title: str = "Weekly sync"
    user: str = "ann@example.test"
    id: str = "900000000000001"

    @property
    def key(self) -> str:
        return naming.key(self.provider, self.id)


SUBJECT = Subject()


def folder(template: str, subject: Subject = SUBJECT) -> str:
    return "/".join(components(parse_layout(template), subject))


def components(layout: Layout, subject: Subject) -> tuple[str, ...]:
    return layout.folder(
        provider=subject.provider,
        start=subject.start,
        title=subject.title,
        user=subject.user,
        id=subject.id,
        key=subject.key,
        timezone=UTC,
    )


def test_the_default_layout() -> None:
    assert folder(DEFAULT) == f"support/2025/11/03/233012-Weekly sync-{SUBJECT.key}"


def test_dates_are_shown_in_the_archives_zone() -> None:
    names = parse_layout(DEFAULT).folder(
        provider="p",
        start=START,
        title="t",
        user="",
        id="1",
        key="k",
        timezone=ZoneInfo("Europe/Berlin"),
    )
    assert names == ("p", "2025", "11", "04", "003012-t-k")


@pytest.mark.parametrize(("year", "hours"), [(1, -12), (9999, 12)])
def test_a_start_at_the_end_of_time_is_still_shown(year: int, hours: int) -> None:
    edge = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, hour=12, tzinfo=UTC)
    names = parse_layout("{start:%m}/{key}").folder(
        provider="p",
        start=edge + timedelta(hours=hours * 11 / 12),
        title="",
        user="",
        id="1",
        key="k",
        timezone=timezone(timedelta(hours=hours)),
    )
    assert names == (f"{edge.month:02}", "k")


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        folder(DEFAULT, replace(SUBJECT, start=START.replace(tzinfo=None)))


def test_an_unknown_start_reads_undated_once() -> None:
    undated = replace(SUBJECT, start=None)
    assert folder(DEFAULT, undated) == f"support/undated/Weekly sync-{SUBJECT.key}"


@pytest.mark.parametrize(
    ("template", "title", "user", "expected"),
    [
        ("{start:%H}-{title}-{id}", "", "u", "23-900000000000001"),
        ("{title}-{id}", "", "u", "900000000000001"),
        ("{id}-{title}", "", "u", "900000000000001"),
        ("{user}_{title}-{id}", "", "u", "u_900000000000001"),
        ("{user}-{title}-{id}", "", "", "900000000000001"),
        ("{start:%Y}-{user}-{title}-{id}", "", "", "2025-900000000000001"),
        ("{start:%Y} - {title} - {id}", "", "u", "2025 - 900000000000001"),
        ("{title} ({user}) {id}", "t", "", "t 900000000000001"),
        ("{title} [{user}] {id}", "", "", "900000000000001"),
        ("{user}/{title}/{start:%Y}-{id}", "", "", "2025-900000000000001"),
        ("by-{user}/{id}", "", "", "by/900000000000001"),
        ("-{user}-/{id}", "", "", "900000000000001"),
        ("{start:%Y}-{title}-{id}", "_a_", "u", "2025-a-900000000000001"),
        ("{start:%Y}-{title}-{id}", " -- ", "u", "2025-900000000000001"),
        ("{start:%Y}-{title}-{id}", "-a - b-", "u", "2025-a - b-900000000000001"),
    ],
)
def test_an_empty_field_leaves_no_seam(template: str, title: str, user: str, expected: str) -> None:
    assert folder(template, replace(SUBJECT, title=title, user=user)) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{id}", "900000000000001"),
        ("{provider}/{id}", "support/900000000000001"),
        ("rec{id}", "rec900000000000001"),
        ("all/{{x}}/{id}", "all/{x}/900000000000001"),
        ("{start:%B %Y}/{id}", "November 2025/900000000000001"),
        ("{start}/{id}", "2025-11-03T233012/900000000000001"),
        ("{provider}/{id}/{start:%Y/%j}", "support/900000000000001/2025/307"),
        ("{start:%H%M}-{id}-{title}", "2330-900000000000001-Weekly sync"),
    ],
)
def test_other_layouts(template: str, expected: str) -> None:
    assert folder(template) == expected


@pytest.mark.parametrize(
    "recording_id",
    ["/aB3/x//Yz+12Q==", "ABC", "a-b", "a.b", "..", "", "x" * 65, "\u00e9", "con ", "\ud800"],
)
def test_an_id_that_is_no_plain_name_is_followed_by_the_key(recording_id: str) -> None:
    subject = replace(SUBJECT, id=recording_id)
    assert folder("{provider}/{id}", subject).endswith("-" + subject.key)


def test_an_id_beside_the_key_is_shown_without_a_second_one() -> None:
    subject = replace(SUBJECT, id="/aB3/x//Yz+12Q==")
    assert folder("{id}/{key}", subject) == f"aB3_x_Yz+12Q==/{subject.key}"


@pytest.mark.parametrize(
    "template",
    [
        "{title}{id}",
        "{id}{title}",
        "{title}-{id}-{user}",
        "{user}-{key}-{title}",
        "{title}/{id}/{user}",
        "{start:%B}{id}",
        "{title}-{key}-{id}",
    ],
)
def test_where_free_text_could_imitate_id_or_key_the_key_is_added(template: str) -> None:
    assert any(name.endswith("-" + SUBJECT.key) for name in folder(template).split("/"))


@pytest.mark.parametrize(
    "subject",
    [
        replace(SUBJECT, title="\u4f1a" * 300),
        replace(SUBJECT, user="\u4f1a" * 300),
        replace(SUBJECT, title="\u4f1a" * 300, user="\u4f1a" * 300),
    ],
)
def test_the_longest_text_is_shortened_and_the_key_kept(subject: Subject) -> None:
    name = folder("{title}-{user}-{key}", subject)
    assert name.endswith("-" + subject.key)
    assert 245 <= len(name.encode()) <= 255


def test_a_short_user_survives_a_long_title() -> None:
    name = folder("{title}-{user}-{key}", replace(SUBJECT, title="x" * 300))
    assert name.endswith(f"x-ann@example.test-{SUBJECT.key}")


def test_the_key_survives_a_layout_of_too_many_words() -> None:
    name = folder("x" * 300 + "-{key}")
    assert name.endswith("x-" + SUBJECT.key)
    assert len(name) == 255


def test_a_long_device_name_leaves_the_key_whole() -> None:
    name = folder("{title}-{key}", replace(SUBJECT, title="con." + "x" * 300))
    assert name.startswith("_con.x")
    assert name.endswith("x-" + SUBJECT.key)


def test_a_device_name_is_escaped_in_the_folder() -> None:
    assert folder("{title}/{id}", replace(SUBJECT, title="CON")) == "_CON/900000000000001"


@pytest.mark.parametrize("title", ["../../x", "/etc", "a/b", "C:\\x", ".reelkeep", "..", "\0"])
def test_a_title_adds_no_folder_and_hides_none(title: str) -> None:
    names = folder("{provider}/{title}/{id}", replace(SUBJECT, title=title)).split("/")
    assert len(names) <= 3
    assert not any(name.startswith(".") for name in names)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("", "{id} or {key}|empty"),
        ("{title}", "{id} or {key}"),
        ("{titel}-{key}", r"{titel} is none of {provider} {start}"),
        ("{}-{key}", "none of"),
        ("{title.__class__}/{key}", "none of"),
        ("{title!r}/{key}", "only {start}"),
        ("{title:>9}/{key}", "only {start}"),
        ("/srv/{key}", "relative"),
        ("{key}/", "empty folder"),
        ("a//{key}", "empty folder"),
        ("{start:%Y//%m}/{key}", "empty folder"),
        ("{start:/%Y}/{key}", "empty folder|%"),
        ("../{key}", "dot"),
        ("./{key}", "dot"),
        ("a/../{key}", "dot"),
        ("{start:%Y/../%m}/{key}", "dot"),
        (".reelkeep/{key}", "dot"),
        ("a\\{key}", "not by"),
        ("C:/{key}", "Windows"),
        ("{start:%H:%M}/{key}", "Windows"),
        ("a\nb/{key}", "invisible"),
        ("{key", "brace"),
        ("}{key}", "brace"),
        ("{start:%Q}/{key}", "%Q"),
        ("{start:%-d}/{key}", "%-"),
        ("{start:%Y%}/{key}", "has %"),
        ("{start:year}/{key}", "no date"),
    ],
)
def test_a_wrong_layout_is_refused_with_its_reason(template: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_layout(template)


FIELDS = ("{provider}", "{start:%Y/%m}", "{start:%H%M%S}", "{start:%B}", "{title}", "{user}")
TEMPLATES = (
    st.lists(
        st.sampled_from((*FIELDS, "{id}", "{key}", "-", "_", " ", "/", "x", "(", ")")),
        max_size=12,
    )
    .map("".join)
    .filter(lambda text: "{id}" in text or "{key}" in text)
)
TINY = st.text("12-aA_ ", max_size=5)  # small enough to run into each other
WILD = st.text(max_size=400) | st.text(st.sampled_from("./\\:-_ \0\u0301\U0001f600x"), max_size=300)
STARTS = st.none() | st.sampled_from([START, START + timedelta(hours=1)])


def subjects(text: st.SearchStrategy[str]) -> st.SearchStrategy[Subject]:
    providers = st.text(string.ascii_lowercase + "-1", min_size=1, max_size=4)
    return st.builds(Subject, provider=providers, start=STARTS, title=text, user=text, id=text)


def parsed(template: str) -> Layout:
    try:
        return parse_layout(template)
    except ValueError:
        reject()


@given(TEMPLATES | st.just(DEFAULT), subjects(WILD))
def test_every_component_is_a_safe_name(template: str, subject: Subject) -> None:
    names = components(parsed(template), subject)
    assert names
    assert all(name == safe_name(name) and name != ".reelkeep" for name in names)


@given(TEMPLATES, subjects(WILD), subjects(WILD))
def test_foreign_text_adds_no_component(template: str, one: Subject, other: Subject) -> None:
    layout = parsed(template)
    assert max(len(components(layout, each)) for each in (one, other)) <= len(layout.components)


@given(TEMPLATES, subjects(TINY), subjects(TINY))
def test_two_recordings_never_share_a_folder(template: str, one: Subject, other: Subject) -> None:
    other = replace(other, provider=one.provider)
    assume(one.id != other.id)
    layout = parsed(template)
    folders = [tuple(name.casefold() for name in components(layout, each)) for each in (one, other)]
    assert folders[0] != folders[1]


@given(TEMPLATES, subjects(WILD), subjects(WILD))
def test_long_text_does_not_bring_two_recordings_together(
    template: str, one: Subject, other: Subject
) -> None:
    other = replace(other, provider=one.provider)
    assume(one.id != other.id)
    layout = parsed(template)
    assert components(layout, one) != components(layout, other)

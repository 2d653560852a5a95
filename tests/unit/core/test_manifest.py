from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.holdings import NOON, held_file, holding
from reelkeep.core.manifest import dump, is_plain_name, read_manifest, to_manifest
from reelkeep.core.model import FileId, HeldFile, Level

STORED = held_file("recording.mp4", b"content")
LACKING = HeldFile(
    row=2,
    id=FileId("2"),
    name="audio_transcript.vtt",
    state="failed",
    file_type="TRANSCRIPT",
    promised=12,
    reason="not_found",
    detail="the download host does not know the file",
)
HOLDING = replace(
    holding(STORED, LACKING),
    user="me@example.com",
    duration=timedelta(minutes=5),
    first_seen=NOON,
    facts={"topic": "Weekly"},
)


def document(**changes: Any) -> dict[str, Any]:
    return to_manifest(HOLDING, version="1.2") | changes


def entry(**changes: Any) -> dict[str, Any]:
    files: list[dict[str, Any]] = to_manifest(holding(STORED), version="1")["files"]
    return files[0] | changes


def test_a_manifest_says_what_the_holding_says() -> None:
    found = read_manifest(dump(document()))
    assert (found.provider, found.id, found.key) == (HOLDING.provider, HOLDING.id, HOLDING.key)
    assert (found.title, found.user, found.facts) == ("Weekly", HOLDING.user, HOLDING.facts)
    assert (found.started, found.duration, found.first_seen) == (NOON, HOLDING.duration, NOON)


def test_a_stored_file_is_listed_with_its_proof() -> None:
    file = read_manifest(dump(document())).files[0]
    assert file.stored
    assert (file.name, file.id, file.size, file.sha256) == (
        STORED.name,
        STORED.id,
        STORED.size,
        STORED.sha256,
    )
    assert (file.verified, file.source, file.stored_at) == ("size", STORED.source, NOON)


@pytest.mark.parametrize("level", [*(each.value for each in Level), "of another version", None])
def test_rule_39_any_level_is_read_as_it_was_written(level: str | None) -> None:
    """Older manifests have fewer of them, and later ones may have more."""
    assert read_manifest(dump(document(files=[entry(verified=level)]))).files[0].verified == level


def test_a_missing_file_is_listed_with_its_reason() -> None:
    file = read_manifest(dump(document())).files[1]
    assert not file.stored
    assert (file.state, file.reason, file.detail) == ("failed", "not_found", LACKING.detail)
    assert (file.promised, file.file_type, file.sha256) == (12, "TRANSCRIPT", None)


def test_it_says_which_program_wrote_it() -> None:
    assert document()["written_by"] == "reelkeep 1.2"


@pytest.mark.parametrize(
    ("state", "complete"),
    [("stored", True), ("skipped", True), ("waived", True), ("due", False), ("gone", False)],
)
def test_it_says_whether_something_is_lacking(state: str, complete: bool) -> None:
    assert to_manifest(holding(replace(LACKING, state=state)), version="1")["complete"] is complete


def test_a_recording_that_the_provider_still_works_at_is_not_complete() -> None:
    written = to_manifest(replace(holding(STORED), unfinished=2), version="1")
    assert (written["complete"], written["unfinished"]) == (False, 2)


def test_a_recording_that_the_provider_is_done_with_is_complete() -> None:
    written = to_manifest(holding(STORED), version="1")
    assert (written["complete"], written["unfinished"]) == (True, 0)


def test_equal_holdings_give_equal_bytes() -> None:
    assert dump(document()) == dump(document())


def test_it_is_text_for_people() -> None:
    content = dump(document(title="Übergröße 🎬"))
    assert "Übergröße 🎬" in content.decode()
    assert content.endswith(b"\n}\n")


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b2J", "\u202egpj.exe", "\u2028", "\ufeff"])
def test_what_would_disturb_a_terminal_is_escaped(text: str) -> None:
    content = dump(document(title=text))
    assert text.encode(errors="surrogatepass") not in content
    assert read_manifest(content).title == text


def test_half_a_surrogate_pair_is_escaped_and_read_as_a_replacement() -> None:
    content = dump(document(title="\ud800"))
    assert b"\\ud800" in content
    assert read_manifest(content).title == "\ufffd"


def test_facts_that_json_cannot_say_become_text_or_null() -> None:
    facts = MappingProxyType({"nan": float("nan"), "when": NOON, "deep": ({1: [True]},)})
    content = dump(to_manifest(replace(HOLDING, facts=facts), version="1"))
    assert json.loads(content)["facts"] == {"nan": None, "when": str(NOON), "deep": [{"1": [True]}]}


def test_times_are_written_in_utc() -> None:
    assert document()["started"] == "2026-11-22T12:00:00Z"


def test_a_time_with_another_offset_keeps_its_moment() -> None:
    started = NOON.astimezone(timezone(timedelta(hours=2)))
    content = dump(to_manifest(replace(HOLDING, started=started), version="1"))
    assert read_manifest(content).started == NOON


@given(st.binary())
def test_no_content_fails_but_as_unreadable(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        read_manifest(content)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"[]", b"[" * 100_000, b'{"format": 1}'])
def test_a_file_that_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's words vary
        read_manifest(content)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": 2}, "format"),
        ({"provider": ""}, "provider"),
        ({"id": 4711}, "id is missing"),
        ({"key": "../x"}, "key"),
        ({"files": None}, "files"),
        ({"files": ["x"]}, "object"),
        ({"files": [entry(name="../x.mp4")]}, "cannot be"),
        ({"files": [entry(name="a\\b")]}, "cannot be"),
        ({"files": [entry(name="..")]}, "cannot be"),
        ({"files": [entry(name="x" * 256)]}, "cannot be"),
        ({"files": [entry(name="Recording.json")]}, "cannot be"),
        ({"files": [entry(name="sha256sums")]}, "cannot be"),
        ({"files": [entry(name=None)]}, "name is missing"),
        ({"files": [entry(state="whatever")]}, "whatever"),
        ({"files": [entry(size=None)]}, "size or digest"),
        ({"files": [entry(size=-1)]}, "size or digest"),
        ({"files": [entry(sha256="00")]}, "size or digest"),
        ({"files": [entry(), entry(id="2", name="RECORDING.MP4")]}, "names"),
        ({"files": [entry(), entry(name="b.mp4")]}, "ids"),
    ],
)
def test_what_cannot_be_built_on_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_manifest(json.dumps(document(**changes)).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"title": 7},
        {"started": "soon"},
        {"started": 7},
        {"duration": "x"},
        {"facts": []},
        {"unfinished": "some"},
        {"new": 1},
    ],
)
def test_what_only_informs_may_be_odd(changes: dict[str, Any]) -> None:
    assert read_manifest(json.dumps(document(**changes)).encode()).id == HOLDING.id


@given(st.text())
def test_a_plain_name_stays_in_its_folder(name: str) -> None:
    if is_plain_name(name):
        assert name not in {".", ".."}
        assert not set(name) & set("/\\\0")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="ascii", exclude_categories=["Cc"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), inner),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from("abc"), JSON))
def test_a_manifest_is_written_as_json_for_people_is(document: dict[str, Any]) -> None:
    assert dump(document).decode() == json.dumps(document, ensure_ascii=False, indent=2) + "\n"

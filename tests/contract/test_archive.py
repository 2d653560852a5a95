"""What every archive does; run on the one on a local disk and on the fake in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fakes.archive import MemoryArchive
from fakes.disk import archive_on
from fakes.holdings import download, held_file, holding, put
from reelkeep.archive.part import SMALL
from reelkeep.core.model import FileId, HeldFile
from reelkeep.errors import Busy, IoFailed
from reelkeep.ports import Archive, Held


@dataclass
class Case:
    """One archive, what is visible of it, and how it is opened again after a restart."""

    archive: Archive
    visible: Callable[[], dict[str, bytes]]
    reopen: Callable[[], Archive]


@pytest.fixture(params=["local", "local on disk", "memory"])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param == "memory":
        fake = MemoryArchive()
        return Case(fake, lambda: dict(fake.visible), lambda: fake)
    small = SMALL if request.param == "local" else 0
    local = archive_on(tmp_path, small=small)
    await local.prepare()
    return Case(local, lambda: _visible(tmp_path), lambda: archive_on(tmp_path, small=small))


def _visible(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    names = ((path.relative_to(root), path) for path in files)
    return {str(name): path.read_bytes() for name, path in names if name.parts[0] != ".reelkeep"}


async def leave(archive: Archive, pieces: Sequence[bytes], validator: str | None = '"v1"') -> None:
    async with archive.part(download()) as part:
        await part.begin(validator=validator, total=100, promises={"md5": "00"})
        await part.write(pieces)


def sums(content: bytes) -> dict[str, str]:
    lines = (line.split("  ") for line in content.decode().splitlines())
    return {name: digest for digest, name in lines}


async def test_a_new_part_holds_nothing(case: Case) -> None:
    async with case.archive.part(download()) as part:
        assert part.held == Held()


async def test_a_part_that_is_left_keeps_its_bytes_and_what_they_belong_to(case: Case) -> None:
    await leave(case.archive, [b"one", b"two"])
    async with case.reopen().part(download()) as part:
        assert part.held == Held(6, '"v1"', 100, {"md5": "00"})


async def test_an_error_in_the_body_keeps_the_bytes_too(case: Case) -> None:
    with suppress(ZeroDivisionError):
        async with case.archive.part(download()) as part:
            await part.begin(validator='"v1"', total=9, promises={})
            await part.write([b"one"])
            raise ZeroDivisionError
    async with case.reopen().part(download()) as part:
        assert part.held.size == 3


async def test_the_digest_of_a_resumed_part_covers_what_was_there_before(case: Case) -> None:
    await leave(case.archive, [b"one"])
    async with case.reopen().part(download()) as part:
        await part.write([b"two"])
        found = await part.inspect([])
    assert found.sha256 == hashlib.sha256(b"onetwo").hexdigest()


async def test_bytes_without_a_validator_are_held_too(case: Case) -> None:
    await leave(case.archive, [b"one"], validator=None)
    async with case.reopen().part(download()) as part:
        assert (part.held.size, part.held.validator) == (3, None)


async def test_beginning_again_forgets_the_bytes(case: Case) -> None:
    await leave(case.archive, [b"one"])
    async with case.reopen().part(download()) as part:
        await part.begin(validator='"v2"', total=3, promises={})
        assert part.held == Held(0, '"v2"', 3, {})
        await part.write([b"two"])
        assert (await part.inspect([])).sha256 == hashlib.sha256(b"two").hexdigest()


async def test_after_beginning_again_the_new_validator_is_kept(case: Case) -> None:
    await leave(case.archive, [b"a longer beginning"])
    async with case.reopen().part(download()) as part:
        await part.begin(validator='"v2"', total=3, promises={})
        await part.write([b"two"])
    async with case.reopen().part(download()) as part:
        assert part.held == Held(3, '"v2"', 3, {})


async def test_what_is_distrusted_is_left_to_nobody(case: Case) -> None:
    await leave(case.archive, [b"wrong"])
    async with case.archive.part(download()) as part:
        part.distrust()
        assert part.held.size == 0
    async with case.reopen().part(download()) as part:
        assert part.held.size == 0


async def test_what_comes_behind_distrusted_bytes_is_trusted(case: Case) -> None:
    async with case.archive.part(download()) as part:
        await part.begin(validator='"v1"', total=100, promises={})
        await part.write([b"wrong"])
        part.distrust()
        await part.begin(validator='"v2"', total=100, promises={})
        await part.write([b"right"])
    async with case.reopen().part(download()) as part:
        assert (part.held.validator, await part.read(0, 9)) == ('"v2"', b"right")


async def test_what_the_catalog_distrusts_begins_anew(case: Case) -> None:
    await leave(case.archive, [b"wrong"])
    async with case.reopen().part(replace(download(), distrusted=True)) as part:
        assert part.held == Held()
        assert not part.distrusted
    async with case.reopen().part(download()) as part:
        assert part.held == Held()


async def test_rule_24_a_part_has_one_writer(case: Case) -> None:
    async with case.archive.part(download()):
        with pytest.raises(Busy):
            async with case.archive.part(download()):
                pass


async def test_rule_24_parts_of_different_files_do_not_meet(case: Case) -> None:
    async with case.archive.part(download("a.mp4")) as a, case.archive.part(download("b.mp4")) as b:
        await a.begin(validator=None, total=None, promises={})
        await a.write([b"a"])
        assert b.held.size == 0


async def test_rule_1_a_file_that_is_promised_differently_starts_over(case: Case) -> None:
    await leave(case.archive, [b"one"])
    async with case.reopen().part(download(size=7)) as part:
        assert part.held == Held()


async def test_a_write_may_be_of_very_many_pieces(case: Case) -> None:
    async with case.archive.part(download()) as part:
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"x", b"", b"y"] * 2000)
        found = await part.inspect([])
    assert found.sha256 == hashlib.sha256(b"xy" * 2000).hexdigest()


async def test_other_digests_are_given_when_asked_for(case: Case) -> None:
    expected = {
        "crc32": "cbf43926",
        "crc32c": "e3069283",
        "crc64nvme": "ae8b14860a799888",
        "md5": "25f9e794323b453885f5181f1b624d0b",
        "sha256": hashlib.sha256(b"123456789").hexdigest(),
    }
    async with case.archive.part(download()) as part:
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"1234", b"56789"])
        found = await part.inspect(sorted(expected))
    assert (found.size, found.digests) == (9, expected)


async def test_a_checkpoint_changes_nothing_that_is_held(case: Case) -> None:
    async with case.archive.part(download()) as part:
        await part.begin(validator='"v1"', total=9, promises={})
        await part.write([b"one"])
        before = part.held
        await part.checkpoint()
        assert part.held == before


async def test_a_broken_container_is_named(case: Case) -> None:
    async with case.archive.part(download("thumbnail.jpg")) as part:
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"GIF89a"])
        assert "jpeg" in ((await part.examine("", sized=False)).fault or "")


async def test_of_a_container_nobody_knows_nothing_bad_is_said(case: Case) -> None:
    async with case.archive.part(download("recording.events")) as part:
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"anything"])
        assert (await part.examine("EVENTS", sized=False)).fault is None


async def test_nothing_is_known_of_a_file_that_was_not_kept(case: Case) -> None:
    await leave(case.archive, [b"one"])
    assert await case.archive.finished(download()) is None


@pytest.mark.parametrize("content", [b"", b"content"])
async def test_a_kept_file_is_found_again(case: Case, content: bytes) -> None:
    await put(case.archive, "recording.mp4", content)
    found = await case.reopen().finished(download())
    assert found is not None
    assert (found.size, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())


async def test_after_a_file_was_kept_its_part_is_empty(case: Case) -> None:
    await leave(case.archive, [b"one"])
    async with case.archive.part(download()) as part:
        await part.keep()
    async with case.reopen().part(download()) as part:
        assert part.held == Held()


async def test_an_equal_file_may_be_kept_twice(case: Case) -> None:
    await put(case.archive, "recording.mp4", b"content")
    await put(case.archive, "recording.mp4", b"content")
    assert await case.archive.finished(download()) is not None


async def test_quarantined_bytes_are_forgotten(case: Case) -> None:
    await leave(case.archive, [b"bad"])
    async with case.archive.part(download()) as part:
        await part.quarantine("its digest is wrong")
        assert part.held == Held()
    async with case.reopen().part(download()) as part:
        assert part.held == Held()


async def test_a_part_goes_on_after_quarantine(case: Case) -> None:
    async with case.archive.part(download()) as part:
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"bad"])
        await part.quarantine("its digest is wrong")
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"good"])
        await part.keep()
    found = await case.archive.finished(download())
    assert found is not None
    assert found.sha256 == hashlib.sha256(b"good").hexdigest()


@pytest.mark.parametrize("asked", [b"bad", b"worse"])
async def test_quarantined_bytes_can_be_recalled_by_their_digest(case: Case, asked: bytes) -> None:
    for content in (b"bad", b"worse"):
        await leave(case.archive, [content])
        async with case.archive.part(download()) as part:
            await part.quarantine("it does not look like the file")
    sha256 = hashlib.sha256(asked).hexdigest()
    assert await case.archive.recall(download(), hashlib.sha256(b"?").hexdigest()) is None
    found = await case.archive.recall(download(), sha256)
    assert (found and found.size, found and found.sha256) == (len(asked), sha256)
    kept = await case.reopen().finished(download())
    assert (kept and kept.sha256) == sha256


async def test_before_publication_nothing_is_visible(case: Case) -> None:
    await put(case.archive, "recording.mp4", b"content")
    await leave(case.archive, [b"one"])
    assert case.visible() == {}


async def test_publication_shows_the_files_their_manifest_and_sums(case: Case) -> None:
    file = await put(case.archive, "recording.mp4", b"content")
    folder = await case.archive.publish(holding(file))
    visible = case.visible()
    assert set(visible) == {
        f"{folder}/{name}" for name in ("recording.mp4", "recording.json", "SHA256SUMS")
    }
    assert visible[f"{folder}/recording.mp4"] == b"content"


async def test_the_sums_are_those_of_the_files_and_of_the_manifest(case: Case) -> None:
    file = await put(case.archive, "recording.mp4", b"content")
    folder = await case.archive.publish(holding(file))
    visible = case.visible()
    assert sums(visible[f"{folder}/SHA256SUMS"]) == {
        name: hashlib.sha256(visible[f"{folder}/{name}"]).hexdigest()
        for name in ("recording.mp4", "recording.json")
    }


async def test_the_manifest_says_what_is_missing_and_why(case: Case) -> None:
    file = await put(case.archive, "recording.mp4", b"content")
    lacking = HeldFile(row=2, id=FileId("2"), name="t.vtt", state="failed", reason="not_found")
    folder = await case.archive.publish(holding(file, lacking))
    manifest = json.loads(case.visible()[f"{folder}/recording.json"])
    listed = {each["name"]: (each["state"], each.get("reason")) for each in manifest["files"]}
    assert listed == {"recording.mp4": ("stored", None), "t.vtt": ("failed", "not_found")}


async def test_a_recording_of_which_nothing_is_left_has_a_folder_too(case: Case) -> None:
    lacking = HeldFile(row=2, id=FileId("2"), name="t.vtt", state="gone", reason="not_found")
    folder = await case.archive.publish(holding(lacking))
    assert set(case.visible()) == {f"{folder}/recording.json", f"{folder}/SHA256SUMS"}


@pytest.mark.parametrize("told", [True, False], ids=["folder known", "crash before the commit"])
async def test_publishing_again_changes_nothing(case: Case, told: bool) -> None:
    whole = holding(await put(case.archive, "recording.mp4", b"content"))
    folder = await case.archive.publish(whole)
    before = case.visible()
    again = await case.reopen().publish(replace(whole, folder=folder if told else None))
    assert (again, case.visible()) == (folder, before)


async def test_a_late_file_joins_the_folder_and_the_manifest(case: Case) -> None:
    first = await put(case.archive, "recording.mp4", b"content")
    folder = await case.archive.publish(holding(first))
    late = await put(case.archive, "audio_transcript.vtt", b"WEBVTT\n")
    assert await case.archive.publish(holding(first, late, folder=folder)) == folder
    visible = case.visible()
    assert visible[f"{folder}/audio_transcript.vtt"] == b"WEBVTT\n"
    assert set(sums(visible[f"{folder}/SHA256SUMS"])) == {
        "recording.mp4",
        "audio_transcript.vtt",
        "recording.json",
    }


async def test_a_file_that_is_not_recorded_as_stored_stays_hidden(case: Case) -> None:
    first = await put(case.archive, "recording.mp4", b"content")
    await put(case.archive, "audio_transcript.vtt", b"WEBVTT\n")
    folder = await case.archive.publish(holding(first))
    assert f"{folder}/audio_transcript.vtt" not in case.visible()


async def test_a_stored_file_that_is_nowhere_is_never_claimed(case: Case) -> None:
    first = await put(case.archive, "recording.mp4", b"content")
    with pytest.raises(IoFailed, match=r"lost\.mp4"):
        await case.archive.publish(holding(first, held_file("lost.mp4", b"gone")))
    assert case.visible() == {}


async def test_there_is_room_to_speak_of(case: Case) -> None:
    assert await case.archive.free() > 0

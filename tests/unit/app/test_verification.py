from __future__ import annotations

from typing import cast

import pytest

from fakes.provider import NAME, FakeProvider, many
from fakes.rig import Rig
from reelkeep.app.verification import Repairer, VerificationRun
from reelkeep.archive.local import LocalArchive
from reelkeep.cli.verify import sentence
from reelkeep.core.integrity import Blemish, Checked, FolderVerdict, Mark, blemishes
from reelkeep.core.model import FileId, HeldFile, Holding, Level, ProviderName, RecordingId, Stored
from reelkeep.errors import StorageUnavailable
from virtual import VIRTUAL, Backend

SHA = "ab" * 32


def holding(*files: HeldFile) -> Holding:
    return Holding(
        row=1,
        provider=ProviderName("meetings"),
        id=RecordingId("7"),
        key="0123456789abcdef",
        state="archived",
        folder="a/b",
        files=files,
    )


def held(name: str = "one.mp4", *, state: str = "stored", sha256: str | None = SHA) -> HeldFile:
    return HeldFile(row=1, id=FileId("f"), name=name, state=state, sha256=sha256)


def verdict(*checked: Checked) -> FolderVerdict:
    return FolderVerdict(folder="a/b", provider="meetings", id="7", key="k", checked=checked)


def found(seen: FolderVerdict, known: Holding | None) -> list[tuple[str, Mark]]:
    return [(blemish.file, blemish.mark) for blemish in blemishes(seen, known)]


def test_what_is_as_it_was_written_has_no_blemish() -> None:
    assert found(verdict(Checked("one.mp4", Mark.OK, 3, SHA)), holding(held())) == []


@pytest.mark.parametrize("mark", [Mark.MISSING, Mark.ALTERED, Mark.FOREIGN])
def test_what_the_sums_deny_is_a_blemish(mark: Mark) -> None:
    assert found(verdict(Checked("one.mp4", mark)), holding(held())) == [("one.mp4", mark)]


def test_what_the_catalog_knows_and_is_not_there_is_missing() -> None:
    assert found(verdict(), holding(held())) == [("one.mp4", Mark.MISSING)]


def test_what_has_another_digest_than_the_catalog_says_is_altered() -> None:
    seen = verdict(Checked("one.mp4", Mark.OK, 3, "cd" * 32))
    assert found(seen, holding(held())) == [("one.mp4", Mark.ALTERED)]


@pytest.mark.parametrize("state", ["due", "failed", "skipped", "waived", "gone"])
def test_a_file_that_is_not_stored_is_not_missed(state: str) -> None:
    assert found(verdict(), holding(held(state=state, sha256=None))) == []


def test_without_a_catalog_the_sums_decide() -> None:
    seen = verdict(Checked("one.mp4", Mark.OK, 3, SHA), Checked("x", Mark.FOREIGN))
    assert found(seen, None) == [("x", Mark.FOREIGN)]


def test_the_sentence_counts_what_was_found() -> None:
    reread = VerificationRun(recordings=1, files=2, read=3000)
    assert sentence(reread) == "2 files of 1 recording (3.0 kB) read again: no differences found."
    for number, mark in enumerate((Mark.MISSING, Mark.FOREIGN, Mark.FOREIGN)):
        blemish = Blemish(folder="a", file=str(number), mark=mark, provider=None, recording=None)
        reread.blemishes["a", str(number)] = blemish
    assert sentence(reread).endswith(": 1 missing and 2 foreign.")


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Closed:
    """An archive of which one folder is closed to us."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.put: list[str] = []

    async def put_aside(self, holding: Holding, name: str, _reason: str) -> bool:
        if holding.folder == self._folder:
            raise StorageUnavailable(f"Permission denied: {name}")
        self.put.append(name)
        return True


async def stored() -> tuple[Rig, list[Holding]]:
    rig = Rig(FakeProvider())
    await rig.resources.intake.admit(NAME, rig.providers[NAME].traits, many(2))
    claims = await rig.resources.queue.claim(NAME, 10)
    await rig.resources.ledger.record(
        [
            Stored(
                download=download, size=10, sha256="a" * 64, verified=Level.SIZE,
                source="", seconds=0.0,
            )
            for claim in claims
            for download in claim.downloads
        ]
    )  # fmt: skip
    behind = await rig.resources.ledger.publishable(10)
    await rig.resources.ledger.published([(each, f"at/{each.id}") for each in behind])
    return rig, list(await rig.resources.checks.in_folders([f"at/{each.id}" for each in behind]))


async def test_a_folder_that_is_closed_keeps_no_other_file_from_repair() -> None:
    rig, (first, second) = await stored()
    archive = Closed(first.folder or "")
    found = [
        Blemish(
            folder=each.folder or "", file=each.files[0].name, mark=Mark.MISSING,
            provider=each.provider, recording=each.id,
        )
        for each in (first, second)
    ]  # fmt: skip
    repairer = Repairer(cast(LocalArchive, archive), rig.resources.checks, rig.log)
    repair = await repairer.begin(found)
    assert (repair.due, repair.folders) == (1, {second.folder})
    (said,) = rig.log.named("repair.failed")
    assert said["folder"] == first.folder

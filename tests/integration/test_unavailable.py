"""What could not be had is not done: answers of real accounts, by the command as a process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import forked
from integration.test_cli import Ran
from verbatim import Account, account

NOW = datetime.now(UTC)
SDK = {"type": "zoom-videosdk", "api_key": "k", "api_secret": {"env": "S"}}
MEETINGS = {
    "type": "zoom", "account_id": "a", "client_id": "c", "client_secret": {"env": "S"},
}  # fmt: skip


def at(days: float, hour: int = 10, minute: int = 0) -> str:
    """Return a time on the day that was so many days ago."""
    day = (NOW - timedelta(days=days)).replace(hour=hour, minute=minute, second=0)
    return f"{day:%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Resources:
    """A configuration, a catalog and an archive for one account."""

    folder: Path
    account: Account

    def configure(self, provider: dict[str, Any], **options: Any) -> None:
        """Write the configuration; sections of the provider in `options` replace others."""
        given = {
            "name": "z", "api_url": f"{self.account.base}/v2", "settle": "0s",
            "since": f"{NOW - timedelta(days=60):%Y-%m-%d}", **provider, **options,
        }  # fmt: skip
        if provider["type"] == "zoom":
            given["token_url"] = f"{self.account.base}/oauth/token"
        document = {
            "archive": {"path": "archive", "min_free": "1MiB"},
            "catalog": {"url": "sqlite:///state/catalog.db"},
            "downloads": {"retry": {"base": "10ms", "max": "20ms", "attempts": 2}},
            "network": {"allow": ["127.0.0.0/8"]},
            "server": {"listen": None},
            "log": {"format": "json"},
            "providers": [given],
        }
        (self.folder / "reelkeep.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    async def run(self, *arguments: str, code: int = 0) -> Ran:
        """Run a command; its exit code must be `code`."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("REELKEEP")}
        environ |= {"S": "invented", "PYTHONWARNINGS": "error"}
        ran = await forked.run(arguments, cwd=self.folder, env=environ)
        found = Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())
        assert found.code == code, f"{found.code}\n{found.out}\n{found.err}"
        return found

    def manifest(self) -> dict[str, Any]:
        """Return the only manifest of the archive."""
        (path,) = (self.folder / "archive").glob("z/**/recording.json")
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return found

    def files(self) -> list[str]:
        """Return the names of all files but our own."""
        ours = {"recording.json", "SHA256SUMS"}
        found = (self.folder / "archive").glob("z/**/*")
        return sorted(path.name for path in found if path.is_file() and path.name not in ours)


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with account() as served:
        yield Resources(tmp_path, served)


def entry(id_: str, kind: str, size: int | None, **more: Any) -> dict[str, Any]:
    """Return a finished file; a member that is `...` is left out."""
    found = {
        "id": id_, "file_type": kind, "file_extension": kind, "file_size": size,
        "status": "completed", "download_url": f"W/rec/download/{id_}",
        "recording_start": at(2), "recording_end": at(2, minute=5), **more,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not ...}


def left(ran: Ran) -> str:
    return ran.out.strip().splitlines()[-1]


# --- accounts 1: the audio of participants of a session ------------------------------------------

SESSION = "kwPoX6bTS4uWBYwmEpzBvA=="


def with_participants(resources: Resources) -> None:
    served = resources.account
    files = [
        entry("v-1", "MP4", served.mp4("v-1"), recording_type="shared_screen_with_speaker_view"),
        entry("a-1", "M4A", served.m4a("a-1"), recording_type="audio_only"),
    ]
    session = {
        "session_id": SESSION, "session_name": "triage", "session_key": "case-77",
        "start_time": at(2), "duration": 5, "total_size": 60000, "recording_count": 3,
        "recording_files": files,
    }  # fmt: skip
    kim = entry("p-1", "M4A", served.m4a("p-1"), file_name="Audio only - Kim")
    kim |= {"user_id": "16778240", "user_key": "k1"}
    served.listed = [session]
    served.single[SESSION] = session | {"participant_audio_files": [kim]}


async def test_audio_that_was_not_asked_for_is_missing_and_said_everywhere(
    resources: Resources,
) -> None:
    with_participants(resources)
    resources.configure(SDK)
    ran = await resources.run("sync", code=1)
    assert "1 file is unavailable at the provider" in left(ran)
    manifest = resources.manifest()
    assert manifest["complete"] is False
    (missing,) = [each for each in manifest["files"] if each["state"] == "unavailable"]
    assert missing["reason"] == "participant_audio"
    assert "1 of 3 announced files is not listed" in missing["detail"]
    assert "participant_audio: true" in missing["detail"]
    shown = (await resources.run("show", SESSION, "--json")).json
    assert (shown["state"], shown["files"][-1]["code"]) == ("incomplete", "participant_audio")
    assert "participant_audio: true" in (await resources.run("show", SESSION)).out
    audited = await resources.run("audit", "--json", code=1)
    assert audited.json["providers"][0]["total"]["unavailable"] == 1
    assert "everything that the providers have" not in (await resources.run("audit", code=1)).out
    assert "triage" in (await resources.run("list", "--state", "unavailable")).out
    status = (await resources.run("status", "--json")).json["providers"][0]
    assert (status["unavailable"], status["files"]["unavailable"]) == (1, 1)


async def test_audio_comes_by_itself_once_it_is_asked_for(resources: Resources) -> None:
    with_participants(resources)
    resources.configure(SDK)
    await resources.run("sync", code=1)
    resources.configure(SDK, participant_audio=True)
    await resources.run("sync")
    assert "Audio only - Kim.m4a" in resources.files()
    manifest = resources.manifest()
    assert manifest["complete"] is True
    (kim,) = [each for each in manifest["files"] if each["id"] == "p-1"]
    said = {"file_name": "Audio only - Kim", "user_key": "k1", "recording_end": at(2, minute=5)}
    assert kim["facts"].items() >= said.items()
    assert (await resources.run("audit", "--json")).json["ok"]
    await resources.run("sync")


def with_old_participants(
    resources: Resources, provider: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Have a recording that no poll lists any more; return its id, and its answer with audio."""
    served = resources.account
    size = served.mp4("v-1")
    files = [entry("v-1", "MP4", size, recording_type="shared_screen_with_speaker_view")]
    named = {"session_id": SESSION, "session_name": "triage", "session_key": "case-77"}
    if provider is MEETINGS:
        named = {"uuid": SESSION, "id": "81230000001", "topic": "triage"}
    listed = {**named, "start_time": at(20), "duration": 5, "recording_files": files}
    kim = entry("p-1", "M4A", served.m4a("p-1"), file_name="Audio only - Kim")
    served.listed = [listed]
    return SESSION, listed | {"participant_audio_files": [kim]}


@pytest.mark.parametrize("provider", [SDK, MEETINGS], ids=["session", "meeting"])
async def test_audio_that_was_refused_comes_by_itself_however_old_it_is(
    resources: Resources, provider: dict[str, Any]
) -> None:
    id_, whole = with_old_participants(resources, provider)
    resources.account.single[id_] = {"code": 200, "message": "No permission."}
    resources.configure(provider, participant_audio=True)
    await resources.run("sync", code=1)
    assert resources.files() == ["shared_screen_with_speaker_view.mp4"]
    (missing,) = [each for each in resources.manifest()["files"] if each["state"] == "unavailable"]
    assert "No permission." in missing["detail"]
    resources.account.single[id_] = whole
    await resources.run("sync")
    assert "Audio only - Kim.m4a" in resources.files()
    manifest = resources.manifest()
    assert manifest["complete"] is True
    assert {each["state"] for each in manifest["files"]} == {"stored"}


async def test_audio_that_is_not_wanted_is_not_missed(resources: Resources) -> None:
    with_participants(resources)
    resources.configure(SDK, exclude={"recording_types": ["participant_audio"]})
    await resources.run("sync")
    assert (await resources.run("audit", "--json")).json["providers"][0]["total"]["skipped"] == 1


async def test_what_is_announced_and_never_listed_is_not_blamed_on_audio(
    resources: Resources,
) -> None:
    with_participants(resources)
    del resources.account.single[SESSION]
    resources.configure(SDK, participant_audio=True)
    await resources.run("sync", code=1)
    (missing,) = [each for each in resources.manifest()["files"] if each["state"] == "unavailable"]
    assert missing["reason"] == "not_listed"
    await resources.run("waive", SESSION)
    await resources.run("sync")
    assert resources.manifest()["complete"] is True


async def test_fewer_announced_than_listed_means_nothing(resources: Resources) -> None:
    with_participants(resources)
    resources.account.listed[0]["recording_count"] = 1
    resources.configure(SDK)
    await resources.run("sync")


# --- accounts 2: the trash -----------------------------------------------------------------------

BOARD = "TrAsH1111aaaa1111aaaa=="


def in_trash(resources: Resources, days: int) -> dict[str, Any]:
    file = entry("t-1", "MP4", 26000, meeting_id=BOARD, file_type=..., download_url=...)
    file |= {"recording_type": "shared_screen_with_speaker_view", "deleted_time": at(27)}
    board = {
        "uuid": BOARD, "id": 81230000001, "topic": "Board", "type": 2, "duration": 5,
        "start_time": at(days), "total_size": 26000, "recording_count": 1,
        "recording_files": [file],
    }  # fmt: skip
    resources.account.trashed = [board]
    return board


def recovered(resources: Resources, board: dict[str, Any]) -> None:
    """Take it out of the trash, as somebody does in Zoom's pages."""
    size = resources.account.mp4("t-1")
    file = entry("t-1", "MP4", size, recording_type="shared_screen_with_speaker_view")
    resources.account.trashed = []
    resources.account.listed = [board | {"recording_files": [file], "total_size": size}]


async def test_what_was_to_be_rescued_and_could_not_be_is_not_done(resources: Resources) -> None:
    in_trash(resources, days=30)
    resources.configure(MEETINGS, trash="rescue")
    ran = await resources.run("sync", code=1)
    assert "1 file is unavailable" in left(ran)
    (risk,) = [line for line in ran.events if line["event"] == "recording.at_risk"]
    assert risk["recording"] == BOARD
    manifest = resources.manifest()
    assert manifest["complete"] is False
    assert manifest["files"][0]["reason"] == "in_trash"
    assert "recover it in Zoom's trash" in manifest["files"][0]["detail"]
    total = (await resources.run("audit", "--json", code=1)).json["providers"][0]["total"]
    assert (total["unavailable"], total["at_risk"]) == (1, 1)
    assert " 0/1 " in (await resources.run("list")).out


@pytest.mark.parametrize("days", [2, 40])
async def test_what_left_the_trash_is_asked_for_however_old_it_is(
    resources: Resources, days: int
) -> None:
    board = in_trash(resources, days)
    resources.configure(MEETINGS, trash="rescue")
    await resources.run("sync", code=1)
    await resources.run("sync", code=1)
    recovered(resources, board)
    await resources.run("sync")
    assert resources.files() == ["shared_screen_with_speaker_view.mp4"]
    assert resources.manifest()["complete"] is True
    assert (await resources.run("audit", "--json")).json["ok"]


async def test_what_left_the_trash_and_is_nowhere_has_vanished(resources: Resources) -> None:
    in_trash(resources, days=40)
    resources.configure(MEETINGS, trash="rescue")
    await resources.run("sync", code=1)
    resources.account.trashed = []
    ran = await resources.run("sync", code=1)
    assert [line["event"] for line in ran.events].count("recording.vanished") == 1
    asked = len(resources.account.asked)
    await resources.run("sync", code=1)
    again = [path for path in resources.account.asked[asked:] if path.startswith("/v2/meetings/")]
    assert again == []


async def test_a_retry_asks_for_that_recording_and_says_what_helps(resources: Resources) -> None:
    board = in_trash(resources, days=40)
    resources.configure(MEETINGS, trash="rescue")
    await resources.run("sync", code=1)
    await resources.run("sync", code=1)
    resources.account.single[BOARD] = board
    ran = await resources.run("retry", BOARD)
    assert "recover it in Zoom's trash" in ran.out
    asked = len(resources.account.asked)
    await resources.run("sync", code=1)
    assert any(path.startswith("/v2/meetings/TrAsH") for path in resources.account.asked[asked:])


async def test_a_loss_that_was_accepted_ends_with_nought(resources: Resources) -> None:
    in_trash(resources, days=30)
    resources.configure(MEETINGS, trash="rescue")
    await resources.run("sync", code=1)
    await resources.run("waive", BOARD)
    await resources.run("sync")
    assert (await resources.run("show", BOARD, "--json")).json["state"] == "archived"


# --- accounts 5: the account's own storage -------------------------------------------------------

STORED_AT = "s3://acme-recordings/2024/05/06/v-9.mp4"


def in_own_storage(resources: Resources, **more: Any) -> None:
    file = entry("v-9", "MP4", 26000, external_storage_url=f"{STORED_AT}?X-Amz-Signature=abc")
    resources.account.listed = [
        {"session_id": "own==", "session_name": "own", "start_time": at(2), "duration": 5,
         "recording_count": 1, "recording_files": [file | more]}
    ]  # fmt: skip


async def test_where_a_file_lies_in_ones_own_storage_is_kept_and_shown(
    resources: Resources,
) -> None:
    in_own_storage(resources)
    resources.configure(SDK)
    await resources.run("sync", code=1)
    (file,) = resources.manifest()["files"]
    assert (file["state"], file["reason"]) == ("unavailable", "external_storage")
    assert file["facts"]["external_storage_url"] == STORED_AT
    assert "its download address came to nothing" in file["detail"]
    assert STORED_AT in (await resources.run("show", "own==")).out
    assert STORED_AT in (await resources.run("list", "--json")).out
    assert STORED_AT in (await resources.run("export", "--format", "csv")).out
    catalog = (resources.folder / "state" / "catalog.db").read_bytes()
    assert b"X-Amz-Signature" not in catalog


async def test_its_download_address_is_tried_first(resources: Resources) -> None:
    in_own_storage(resources, file_size=resources.account.mp4("v-9"))
    resources.configure(SDK)
    await resources.run("sync")
    assert resources.manifest()["complete"] is True


async def test_a_retry_tries_the_address_again(resources: Resources) -> None:
    in_own_storage(resources, file_size=...)
    del resources.account.listed[0]["recording_files"][0]["file_size"]
    resources.configure(SDK)
    await resources.run("sync", code=1)
    resources.account.mp4("v-9")
    await resources.run("sync", code=1)
    await resources.run("retry", "own==")
    await resources.run("sync")
    assert len(resources.files()) == 1


# --- accounts 6: who speaks ----------------------------------------------------------------------


async def test_files_of_participants_are_named_by_who_speaks(resources: Resources) -> None:
    served = resources.account
    names = ["Audio only - Kim", "Audio only - Sasha / Ops", "Audio only - Kim"]
    audio = [
        entry(f"p-{n}", "M4A", served.m4a(f"p-{n}", n), file_name=name)
        for n, name in enumerate(names)
    ]
    meeting = {
        "uuid": "who==", "id": 81230000002, "topic": "Who", "start_time": at(2), "duration": 5,
        "recording_count": 4,
        "recording_files": [entry("v", "MP4", served.mp4("v"), recording_type="active_speaker")],
    }  # fmt: skip
    served.listed = [meeting]
    served.single["who=="] = meeting | {"participant_audio_files": audio}
    resources.configure(MEETINGS, participant_audio=True)
    await resources.run("sync")
    assert resources.files() == [
        "Audio only - Kim-2.m4a", "Audio only - Kim.m4a", "Audio only - Sasha _ Ops.m4a",
        "active_speaker.mp4",
    ]  # fmt: skip
    shown = (await resources.run("show", "who==", "--json")).json
    assert [each["facts"].get("file_name") for each in shown["files"]] == [None, *names]
    assert "Audio only - Sasha / Ops" in (await resources.run("export", "--format", "csv")).out


# --- hosts 4 and 18: ids -------------------------------------------------------------------------


async def test_two_files_under_one_id_are_both_here_in_whatever_order(resources: Resources) -> None:
    served = resources.account
    files = [
        entry("x", "MP4", served.mp4("v"), download_url="W/rec/download/v"),
        entry("x", "M4A", served.m4a("a"), download_url="W/rec/download/a"),
    ]
    served.listed = [
        {"session_id": "two==", "start_time": at(2), "recording_count": 2,
         "recording_files": files[:1]}
    ]  # fmt: skip
    resources.configure(SDK)
    await resources.run("sync", code=1)
    served.listed[0]["recording_files"] = files[::-1]
    await resources.run("sync")
    assert resources.files() == ["audio_only.m4a", "video.mp4"]
    served.listed[0] |= {"recording_files": files, "session_name": "renamed"}
    ran = await resources.run("sync")
    assert not [line for line in ran.events if line["event"].startswith("file.")]
    assert (await resources.run("audit", "--json")).json["ok"]


async def test_a_later_version_is_said_and_fetched_beside_the_first(resources: Resources) -> None:
    served = resources.account
    served.listed = [
        {"session_id": "cut==", "start_time": at(2), "recording_count": 1,
         "recording_files": [entry("v", "MP4", served.mp4("v"))]}
    ]  # fmt: skip
    resources.configure(SDK)
    await resources.run("sync")
    served.listed[0]["recording_files"] = [entry("v", "MP4", served.mp4("v", 5))]
    assert (await resources.run("audit", "--json", code=1)).json["providers"][0]["total"]["missing"]
    ran = await resources.run("sync")
    (said,) = [line for line in ran.events if line["event"] == "file.changed"]
    assert (said["before"], said["file"]) == ("video.mp4", "video-2.mp4")
    assert resources.files() == ["video-2.mp4", "video.mp4"]
    again = await resources.run("sync")
    assert not [line for line in again.events if line["event"].startswith("file.")]
    assert (await resources.run("audit", "--json")).json["ok"]
    assert (await resources.run("verify")).code == 0

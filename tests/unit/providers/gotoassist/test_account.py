"""Describing, locating, transcoding and acknowledging, against the simulator and scripts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
import pytest

from fakes.goto import Api, Asked, account, discovered, ids, link, options, refusal
from fakes.log import RecordedLog
from fakes.rig import Rig
from fakes.simulated import Bench, bench
from fakes.transport import FakeReply
from reelkeep.core.model import FileId, Readiness, Recording, RecordingId
from reelkeep.errors import (
    AuthFailed,
    Misconfigured,
    NotYet,
    Refused,
    Stalled,
    Unavailable,
    Unreachable,
)
from reelkeep.ports import Provider
from reelkeep.providers.gotoassist import ADAPTER
from reelkeep.providers.gotoassist.account import scope, traits
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.switches import Switches
from reelkeep.stages.poll import Poller
from reelkeep.stages.signals import Signal
from virtual import PATIENT, Backend, clock

MP4, EVENTS, THUMBNAIL = FileId("mp4"), FileId("events"), FileId("thumbnail")
LIST = "archive/recordings"
NOTHING = FakeReply.json({"readyForTranscode": [], "readyForDownload": []})
DONE = FakeReply.of(b"", status=204)


@pytest.fixture
def anyio_backend() -> Backend:
    return PATIENT


def world(recordings: int, **more: Any) -> dict[str, Any]:
    extent = Extent(recordings=recordings, meetings=0, sessions=0, odd=False, **more)
    return {"extent": extent, "switches": Switches().unlimited()}


def goto(b: Bench, **given: Any) -> Provider:
    return b.provider("gotoassist", requests_per_second=100, **given)


def ready(*numbers: int) -> list[Recording]:
    return [Recording(id=each) for each in ids(*numbers)]


def answering(**by_path: Any) -> Api:
    """Return an API that answers by the first word behind `archive/recordings/`."""

    def answer(asked: Asked) -> FakeReply:
        word = asked.path.removeprefix(LIST).strip("/").partition("/")[0] or "listing"
        chosen: FakeReply | Callable[[Asked], FakeReply] = by_path.get(word, NOTHING)
        return chosen(asked) if callable(chosen) else chosen

    return Api(answer)


def accepting(*bad: int, status: int = 403) -> Any:
    """Refuse batches that name one of `bad`; answer others, `/urls` with links."""

    def answer(asked: Asked) -> FakeReply:
        named = asked.pairs.get("recordingIds") or asked.path.rpartition("/")[2]
        numbers = [int(each) for each in named.split(",")]
        if set(bad) & set(numbers):
            return refusal(status)
        return FakeReply.json([link(each) for each in numbers]) if asked.query else DONE

    return answer


# --- describe ------------------------------------------------------------------------------------


async def test_a_recording_gets_its_start_and_three_files() -> None:
    api = answering(urls=FakeReply.json([link(17)]))
    (got,) = await account(api).describe(ready(17))
    assert (got.title, got.user, str(got.started)) == ("", "", "2025-11-03 09:15:00+00:00")
    assert [(f.id, f.stem, f.extension, f.file_type, f.size) for f in got.files] == [
        ("mp4", "recording", "mp4", "MP4", 73400320),
        ("events", "recording", "events", "EVENTS", None),
        ("thumbnail", "thumbnail", "jpg", "JPG", None),
    ]


async def test_the_facts_are_what_was_said_without_addresses() -> None:
    api = answering(urls=FakeReply.json([link(17)]))
    (got,) = await account(api, session_type="attended").describe(ready(17))
    assert got.facts == {
        "recordingId": "17",
        "recordingStartTime": "2025-11-03T09:15:00Z",
        "recordingSize": 73400320,
        "accountKey": "400000000000001",
        "sessionType": "attended",
    }


async def test_what_was_known_is_kept() -> None:
    api = answering(urls=FakeReply.json([link(17, recordingStartTime=None)]))
    (got,) = await account(api).describe([Recording(id=RecordingId("17"), told=True)])
    assert (got.told, got.readiness, got.started) == (True, Readiness.READY, None)


@pytest.mark.parametrize(("member", "id_"), [("eventsUrl", EVENTS), ("thumbnailUrl", THUMBNAIL)])
@pytest.mark.parametrize("url", [None, ""])
async def test_a_file_without_an_address_is_missing_among_the_facts(
    member: str, id_: FileId, url: object
) -> None:
    api = answering(urls=FakeReply.json([link(17, **{member: url})]))
    (got,) = await account(api).describe(ready(17))
    assert id_ not in [each.id for each in got.files]
    assert got.facts["missing"] == [id_]


@pytest.mark.parametrize("url", [None, "", "  "])
async def test_a_recording_without_its_video_is_not_ready_and_says_so(url: object) -> None:
    api = answering(urls=FakeReply.json([link(17, recordingUrl=url)]))
    (got,) = await account(api).describe(ready(17))
    assert got.undescribed == "the provider gives no address of its video"


async def test_a_size_that_is_rubbish_is_no_promise() -> None:
    api = answering(urls=FakeReply.json([link(17, recordingSize="12 MB")]))
    (got,) = await account(api).describe(ready(17))
    assert got.files[0].size is None


async def test_what_the_answer_omits_is_not_described() -> None:
    async with bench(**world(10, untranscoded=0.5)) as b:
        everything = await discovered(goto(b), b.span)
        got = await goto(b).describe(everything)
        wanted = [each.id for each in everything if each.readiness is Readiness.READY]
        assert [each.id for each in got if each.undescribed is None] == wanted
        assert len(wanted) == 5


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("form", ["csv", "repeat"])
async def test_both_syntaxes_and_both_shapes_are_spoken(form: str, wrapped: bool) -> None:
    async with bench(**world(5, untranscoded=0.0, big_ids=True)) as b:
        b.sim.switches.goto.urls_form, b.sim.switches.goto.wrapped = form, wrapped
        provider = goto(b, ids={"urls": form})
        assert len(await provider.describe(await discovered(provider, b.span))) == 5
        assert dict(b.sim.journal.id_forms) == {f"urls:{form}": 1}


async def test_recordings_are_described_in_batches() -> None:
    async with bench(**world(25, untranscoded=0.0)) as b:
        provider = goto(b, ids={"batch": 10})
        assert len(await provider.describe(await discovered(provider, b.span))) == 25
        assert b.sim.journal.id_forms["urls:csv"] == 3


@pytest.mark.parametrize("strict", [{"urls_form": "repeat"}, {"urls_param": "recordingId"}])
async def test_a_rejected_syntax_is_a_fault_of_the_configuration(strict: dict[str, str]) -> None:
    async with bench(**world(5, untranscoded=0.0)) as b:
        for name, value in strict.items():
            setattr(b.sim.switches.goto, name, value)
        provider = goto(b)
        recordings = await discovered(provider, b.span)
        with pytest.raises(Misconfigured, match=r"id syntax rejected.*providers\[\]\.ids\.urls"):
            await provider.describe(recordings)


@pytest.mark.parametrize("status", [400, 403])
async def test_a_syntax_that_is_refused_for_every_id_is_a_fault_of_the_configuration(
    status: int,
) -> None:
    api = answering(urls=refusal(status))
    with pytest.raises(Misconfigured, match="id syntax rejected"):
        await account(api).describe(ready(*range(1, 101)))
    assert len(api.asked) < 15


async def test_an_account_that_lost_its_seat_is_not_blamed_on_the_syntax() -> None:
    api = Api([refusal(403)])
    with pytest.raises(Misconfigured, match="no Remote Support seat"):
        await account(api).describe(ready(1))


@pytest.mark.parametrize("status", [400, 403])
async def test_one_bad_id_does_not_spoil_its_batch(status: int) -> None:
    log = RecordedLog()
    api = answering(urls=accepting(37, status=status))
    got = await account(api, log=log).describe(ready(*range(1, 101)))
    assert [int(each.id) for each in got] == list(range(1, 101))
    assert [each.id for each in got if "refused" in each.facts] == ["37"]
    assert [keys["recording"] for keys in log.named("provider.refused")] == ["37"]


async def test_a_refusal_is_reported_with_code_and_reason() -> None:
    log = RecordedLog()
    await account(answering(urls=accepting(2)), log=log).describe(ready(1, 2))
    (keys,) = log.named("provider.refused")
    assert (keys["provider"], keys["code"]) == ("support", "refused")
    assert "invalid recordingIds incident 5f0c-1" in str(keys["reason"])


async def test_a_refused_recording_gets_the_files_it_should_have() -> None:
    *_, got = await account(answering(urls=accepting(2))).describe(ready(1, 2))
    assert (got.id, got.readiness, got.started) == ("2", Readiness.READY, None)
    assert [(f.id, f.stem, f.extension, f.file_type, f.size) for f in got.files] == [
        ("mp4", "recording", "mp4", "MP4", None),
        ("events", "recording", "events", "EVENTS", None),
        ("thumbnail", "thumbnail", "jpg", "JPG", None),
    ]


async def test_the_facts_say_that_a_recording_is_refused() -> None:
    *_, got = await account(answering(urls=accepting(2))).describe(ready(1, 2))
    assert got.facts == {
        "recordingId": "2",
        "accountKey": "400000000000001",
        "refused": "the API refuses the request (403 Forbidden invalid recordingIds "
        "incident 5f0c-1)",
    }


async def test_a_single_bad_id_is_refused_once_the_syntax_is_proven() -> None:
    provider = account(answering(urls=accepting(2)))
    await provider.describe(ready(1))
    (got,) = await provider.describe(ready(2))
    assert "refused" in got.facts


async def test_a_refusal_is_reported_once_whoever_asks() -> None:
    log = RecordedLog()
    provider = account(answering(urls=accepting(2), archived=accepting(2)), log=log)
    for _ in range(2):
        await provider.describe(ready(1, 2))
        with pytest.raises(Refused):
            await provider.locate(RecordingId("2"), MP4, fresh=True)
        await provider.acknowledge(ids(1, 2))
    assert [keys["recording"] for keys in log.named("provider.refused")] == ["2"]


@pytest.mark.parametrize("bad", [(1, 2), (1, 2, 3, 4, 5, 6, 7), tuple(range(1, 50))])
async def test_bad_ids_that_come_first_do_not_accuse_the_syntax(bad: tuple[int, ...]) -> None:
    got = await account(answering(urls=accepting(*bad))).describe(ready(*range(1, 51)))
    assert [int(each.id) for each in got if "refused" in each.facts] == list(bad)


def held(*archived: int, latest: tuple[int, ...] = ()) -> Callable[[Asked], FakeReply]:
    """Answer listings: what is archived already, and what is not."""

    def answer(asked: Asked) -> FakeReply:
        listed = archived if asked.pairs["archived"] == "1" else latest
        return FakeReply.json({"readyForTranscode": [], "readyForDownload": list(listed)})

    return answer


async def test_a_lone_bad_id_is_told_from_a_bad_syntax_by_what_is_archived() -> None:
    provider = account(answering(urls=accepting(2), listing=held(7, 8, latest=(2,))))
    (got,) = await provider.describe(ready(2))
    assert "refused" in got.facts


async def test_a_lone_bad_id_is_told_from_a_bad_syntax_by_the_latest() -> None:
    provider = account(answering(urls=accepting(2), listing=held(latest=(2, 9))))
    (got,) = await provider.describe(ready(2))
    assert "refused" in got.facts


async def test_a_lone_bad_id_with_no_other_to_compare_is_refused_alone() -> None:
    provider = account(answering(urls=accepting(2), listing=held(latest=(2,))))
    (got,) = await provider.describe(ready(2))
    assert "refused" in got.facts


async def test_a_lone_bad_id_is_refused_at_locating_and_its_provider_goes_on() -> None:
    provider = account(answering(urls=accepting(2), listing=held(latest=(2,))))
    with pytest.raises(Refused):
        await provider.locate(RecordingId("2"), MP4, fresh=False)


async def test_a_syntax_that_fails_for_what_is_archived_too_is_accused() -> None:
    provider = account(answering(urls=refusal(403), listing=held(7, 8, latest=(2,))))
    with pytest.raises(Misconfigured, match="id syntax rejected"):
        await provider.describe(ready(2))


async def test_an_operators_retry_in_a_new_process_is_refused_for_good() -> None:
    provider = account(answering(urls=accepting(2), listing=held(1, 3, latest=(2,))))
    with pytest.raises(Refused):
        await provider.locate(RecordingId("2"), MP4, fresh=False)


async def test_only_what_is_marked_is_marked_again_to_prove_the_syntax() -> None:
    asked: list[str] = []

    def refusing(given: Asked) -> FakeReply:
        asked.append(given.path)
        return refusal(403)

    provider = account(answering(archived=refusing, listing=held(7, 8, latest=(9,))))
    with pytest.raises(Misconfigured, match=r"ids\.mark"):
        await provider.acknowledge(ids(1, 2))
    assert {path.rpartition("/")[2] for path in asked} == {"1,2", "1", "2", "7", "8"}


@pytest.mark.parametrize("archived", [(), (7, 8)])
async def test_a_deleted_recording_that_is_the_last_to_acknowledge_accuses_nothing(
    archived: tuple[int, ...],
) -> None:
    log = RecordedLog()
    api = answering(archived=accepting(2), listing=held(*archived))
    assert await account(api, log=log).acknowledge(ids(2)) == ()
    assert [keys["recording"] for keys in log.named("provider.refused")] == ["2"]


# --- what spoils a batch -------------------------------------------------------------------------

SPOILING: dict[str, FakeReply | Exception] = {
    "500": FakeReply.of(b"", status=500),
    "cut JSON": FakeReply.of(b'[{"recordingId": 1,', Content_Type="application/json"),
    "HTML": FakeReply.of(b"<html>RecordedLog in</html>", Content_Type="text/html"),
    "another shape": FakeReply.json({"message": "no"}),
    "closed": Unreachable("the connection was closed"),
    "timeout": Stalled("no reply in 60 s"),
    "404": refusal(404, "NOT_FOUND"),
}


def spoilt_by(answer: FakeReply | Exception, *bad: int) -> Any:
    """Answer batches that name one of `bad` with `answer`, all others as they should be."""
    good = accepting()

    def reply(asked: Asked) -> FakeReply:
        named = asked.pairs.get("recordingIds") or asked.path.rpartition("/")[2]
        if set(bad) & {int(each) for each in named.split(",")}:
            if isinstance(answer, Exception):
                raise answer
            return answer
        found: FakeReply = good(asked)
        return found

    return reply


@pytest.mark.parametrize("bad", [(1,), (10,), (3, 4, 9)])
@pytest.mark.parametrize("kind", SPOILING)
async def test_whatever_spoils_a_batch_the_other_ids_are_described(
    kind: str, bad: tuple[int, ...]
) -> None:
    log = RecordedLog()
    api = answering(urls=spoilt_by(SPOILING[kind], *bad))
    got = await account(api, log=log).describe(ready(*range(1, 11)))
    spoilt = [int(r.id) for r in got if r.undescribed is not None or "refused" in r.facts]
    assert spoilt == list(bad)
    assert [int(str(keys["recording"])) for keys in log.named("provider.refused")] == list(bad)


@pytest.mark.parametrize("kind", [kind for kind in SPOILING if kind != "another shape"])
async def test_whatever_spoils_a_batch_the_other_ids_are_marked(kind: str) -> None:
    log = RecordedLog()
    api = answering(archived=spoilt_by(SPOILING[kind], 4))
    accepted = await account(api, log=log).acknowledge(ids(1, 2, 3, 4, 5))
    assert accepted == tuple(ids(1, 2, 3, 5))
    assert [keys["recording"] for keys in log.named("provider.refused")] == ["4"]


@pytest.mark.parametrize("kind", ["500", "HTML", "closed"])
async def test_whatever_spoils_a_batch_the_other_ids_are_transcoded(kind: str) -> None:
    log = RecordedLog()
    await account(answering(transcode=spoilt_by(SPOILING[kind], 4)), log=log).transcode(
        ids(1, 2, 3, 4, 5)
    )
    assert [keys["recording"] for keys in log.named("provider.refused")] == ["4"]


async def test_when_nobody_is_served_the_call_is_given_up_soon() -> None:
    api = answering(urls=FakeReply.of(b"", status=500), listing=held(7, 8, latest=(9,)))
    with pytest.raises(Unavailable):
        await account(api).describe(ready(*range(1, 101)))
    assert len(api.asked) < 30


async def test_what_spoilt_a_batch_is_asked_for_alone_the_next_time() -> None:
    api = answering(urls=spoilt_by(SPOILING["500"], 4))
    provider = account(api)
    await provider.describe(ready(*range(1, 9)))
    api.asked.clear()
    await provider.describe(ready(*range(1, 9)))
    assert [asked.pairs["recordingIds"] for asked in api.asked][:2] == ["1,2,3,5,6,7,8", "4"]


async def test_what_spoilt_a_batch_and_heals_is_described() -> None:
    bad = [4]

    def urls(asked: Asked) -> FakeReply:
        found: FakeReply = spoilt_by(SPOILING["500"], *bad)(asked)
        return found

    provider = account(answering(urls=urls))
    await provider.describe(ready(3, 4))
    bad.clear()
    got = await provider.describe(ready(3, 4))
    assert [each.undescribed for each in got] == [None, None]


async def test_an_id_that_spoils_its_batch_is_not_yet_to_be_had() -> None:
    provider = account(answering(urls=spoilt_by(SPOILING["500"], 2)))
    await provider.locate(RecordingId("1"), MP4, fresh=False)
    with pytest.raises(NotYet, match="500"):
        await provider.locate(RecordingId("2"), MP4, fresh=False)


# --- addresses that cannot be used ---------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://host/x", "text", "javascript:alert(1)", "//host/x", 7, {"a": 1}],
)
@pytest.mark.parametrize(
    ("member", "id_"),
    [("recordingUrl", MP4), ("eventsUrl", EVENTS), ("thumbnailUrl", THUMBNAIL)],
)
async def test_a_file_whose_address_cannot_be_used_is_announced_and_refused(
    member: str, id_: FileId, url: object
) -> None:
    provider = account(answering(urls=FakeReply.json([link(17, **{member: url})])))
    (got,) = await provider.describe(ready(17))
    assert [each.id for each in got.files] == [MP4, EVENTS, THUMBNAIL]
    assert "missing" not in got.facts
    for file in got.files:
        if file.id == id_:
            with pytest.raises(Refused, match=member) as refused:
                await provider.locate(got.id, file.id, fresh=False)
            assert "passwd" not in str(refused.value)
        else:
            await provider.locate(got.id, file.id, fresh=False)


async def test_a_refused_recording_is_not_described_again_by_later_polls() -> None:
    async with bench(**world(3, untranscoded=0.0)) as b:
        bad = b.sim.world.recordings[1].id
        b.sim.switches.goto.refuse_ids = {bad}
        rig, asked = Rig(), []
        for _ in range(3):
            await polled(rig, goto(b))
            asked.append(b.sim.journal.id_forms["urls:csv"])
        assert asked[0] == asked[-1]
        assert await rig.recordings("open") == sorted(
            str(each.id) for each in b.sim.world.recordings
        )


async def polled(rig: Rig, provider: Provider) -> None:
    poller = Poller(
        provider, rig.resources.intake, clock=clock, rng=rig.rng, report=rig.log, work=Signal()
    )
    await poller.once()


# --- locate --------------------------------------------------------------------------------------


async def test_what_was_described_is_located_without_asking() -> None:
    api = answering(urls=accepting())
    provider = account(api)
    await provider.describe(ready(1))
    locator = await provider.locate(RecordingId("1"), MP4, fresh=False)
    assert locator.url.endswith("/1.mp4")
    assert len(api.asked) == 1


async def test_a_locator_carries_no_credentials() -> None:
    locator = await account(answering(urls=accepting())).locate(RecordingId("1"), MP4, fresh=False)
    assert (dict(locator.credentials), locator.kin) == ({}, None)


@pytest.mark.parametrize(("file", "end"), [(MP4, ".mp4"), (EVENTS, ".events"), (THUMBNAIL, ".jpg")])
async def test_every_file_has_its_own_address(file: FileId, end: str) -> None:
    locator = await account(answering(urls=accepting())).locate(RecordingId("1"), file, fresh=False)
    assert locator.url.endswith(end)


async def test_a_fresh_locator_is_asked_for() -> None:
    api = answering(urls=accepting())
    provider = account(api)
    await provider.describe(ready(1))
    await provider.locate(RecordingId("1"), MP4, fresh=True)
    assert len(api.asked) == 2


@pytest.mark.parametrize(("hours", "requests"), [(23.9, 1), (24.1, 2)])
async def test_an_address_is_trusted_for_half_its_life(hours: float, requests: int) -> None:
    api = answering(urls=accepting())
    provider = account(api)
    await provider.locate(RecordingId("1"), MP4, fresh=False)
    await anyio.sleep(hours * 3600)
    await provider.locate(RecordingId("1"), MP4, fresh=False)
    assert len(api.asked) == requests


async def test_what_is_omitted_is_not_yet_there() -> None:
    with pytest.raises(NotYet):
        await account(answering(urls=FakeReply.json([]))).locate(RecordingId("1"), MP4, fresh=False)


async def test_a_file_without_an_address_is_not_yet_there() -> None:
    api = answering(urls=FakeReply.json([link(1, thumbnailUrl=None)]))
    with pytest.raises(NotYet):
        await account(api).locate(RecordingId("1"), THUMBNAIL, fresh=False)


async def test_an_id_that_is_refused_is_refused_for_good() -> None:
    provider = account(answering(urls=accepting(2)))
    await provider.locate(RecordingId("1"), MP4, fresh=False)
    with pytest.raises(Refused):
        await provider.locate(RecordingId("2"), MP4, fresh=False)


async def test_a_lost_seat_refuses_no_single_recording() -> None:
    provider = account(in_turn(accepting(), lambda _: refusal(403)))
    await provider.locate(RecordingId("1"), MP4, fresh=False)
    with pytest.raises(Misconfigured, match="seat"):
        await provider.locate(RecordingId("2"), MP4, fresh=False)


def in_turn(*scripts: Callable[[Asked], FakeReply]) -> Api:
    """Return an API that answers by each script once, and by the last one for ever."""
    left = list(scripts)

    def answer(asked: Asked) -> FakeReply:
        script = left.pop(0) if len(left) > 1 else left[0]
        return script(asked)

    return Api(answer)


async def locate_and_miss(provider: Provider) -> None:
    with pytest.raises(NotYet):
        await provider.locate(RecordingId("1"), MP4, fresh=True)


async def locate_all(provider: Provider, *numbers: int, fresh: bool = False) -> list[str]:
    urls: list[str] = []

    async def one(number: int) -> None:
        urls.append((await provider.locate(RecordingId(str(number)), MP4, fresh=fresh)).url)

    async with anyio.create_task_group() as tasks:
        for number in numbers:
            tasks.start_soon(one, number)
    return urls


async def test_callers_for_many_recordings_share_requests() -> None:
    api = answering(urls=accepting())
    assert len(set(await locate_all(account(api), *range(1, 51)))) == 50
    assert len(api.asked) == 1


async def test_shared_requests_respect_the_batch() -> None:
    api = answering(urls=accepting())
    await locate_all(account(api, ids={"batch": 7}), *range(1, 51))
    assert all(len(asked.pairs["recordingIds"].split(",")) <= 7 for asked in api.asked)


async def test_callers_for_one_recording_share_one_request() -> None:
    api = answering(urls=accepting())
    assert len(await locate_all(account(api), *[1] * 20)) == 20
    assert len(api.asked) == 1


async def test_fresh_callers_share_a_request_that_is_sent_after_they_came() -> None:
    held = anyio.Event()
    api = in_turn(lambda _: FakeReply(pieces=[b"[", held, b"]"]), accepting())
    provider = account(api)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(locate_and_miss, provider)
        await anyio.sleep(0.1)
        for _ in range(20):
            tasks.start_soon(partial(provider.locate, RecordingId("1"), MP4, fresh=True))
        await anyio.sleep(0.1)
        held.set()
    assert len(api.asked) == 2


async def test_an_error_reaches_all_who_share_the_request() -> None:
    provider = account(answering(urls=FakeReply.of(b"", status=500)))
    failures: list[Unavailable] = []

    async def one(number: int) -> None:
        try:
            await provider.locate(RecordingId(str(number)), MP4, fresh=False)
        except Unavailable as error:
            failures.append(error)

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(one, number)
    assert len(failures) == 5


async def test_when_the_asking_caller_is_cancelled_the_others_are_served() -> None:
    held = anyio.Event()
    provider = account(in_turn(lambda _: FakeReply(pieces=[held]), accepting()))
    urls = []

    async def patient(number: int) -> None:
        urls.append(await provider.locate(RecordingId(str(number)), MP4, fresh=False))

    async with anyio.create_task_group() as tasks:
        with anyio.move_on_after(1):
            tasks.start_soon(patient, 1)
            tasks.start_soon(patient, 2)
            await provider.locate(RecordingId("1"), MP4, fresh=False)
        held.set()
    assert len(urls) == 2


async def test_only_so_many_addresses_are_remembered() -> None:
    api = answering(urls=accepting())
    provider = account(api, ids={"batch": 500})
    await provider.describe(ready(*range(10_001, 15_002)))
    before = len(api.asked)
    await provider.locate(RecordingId("15001"), MP4, fresh=False)
    await provider.locate(RecordingId("10001"), MP4, fresh=False)
    assert len(api.asked) == before + 1


# --- transcode, acknowledge ----------------------------------------------------------------------


@pytest.mark.parametrize("style", ["path", "body"])
async def test_transcoding_is_asked_for_in_the_configured_syntax(style: str) -> None:
    async with bench(**world(10, untranscoded=0.5)) as b:
        b.sim.switches.goto.transcode_form = style
        provider = goto(b, ids={"transcode": style})
        recordings = await discovered(provider, b.span)
        waiting = [each.id for each in recordings if each.readiness is Readiness.TRANSCODABLE]
        await provider.transcode(waiting)
        assert [str(each) for each in b.sim.journal.transcoded] == waiting


async def test_what_was_transcoded_becomes_ready_later() -> None:
    async with bench(**world(10, untranscoded=0.5)) as b:
        provider = goto(b)
        await provider.transcode([each.id for each in await discovered(provider, b.span)])
        await anyio.sleep(10)
        again = await discovered(provider, b.span)
        assert {each.readiness for each in again} == {Readiness.READY}


async def test_a_bad_id_does_not_stop_the_transcoding_of_others() -> None:
    log = RecordedLog()
    api = answering(transcode=accepting(2))
    await account(api, log=log).transcode(ids(1, 2, 3))
    assert [keys["recording"] for keys in log.named("provider.refused")] == ["2"]


@pytest.mark.parametrize("style", ["path", "body"])
async def test_archived_recordings_are_marked_in_the_configured_syntax(style: str) -> None:
    async with bench(**world(10, untranscoded=0.0)) as b:
        b.sim.switches.goto.mark_form = style
        provider = goto(b, ids={"mark": style})
        every = [each.id for each in await discovered(provider, b.span)]
        assert await provider.acknowledge(every) == tuple(every)
        assert all(each.archived for each in b.sim.world.recordings)


async def test_acknowledging_twice_is_harmless() -> None:
    async with bench(**world(3, untranscoded=0.0)) as b:
        provider = goto(b)
        every = [each.id for each in await discovered(provider, b.span)]
        await provider.acknowledge(every)
        assert await provider.acknowledge(every) == tuple(every)


async def test_five_hundred_are_marked_with_as_many_requests_as_needed() -> None:
    async with bench(**world(500, untranscoded=0.0, big_ids=True)) as b:
        provider = goto(b, ids={"batch": 500})
        every = [RecordingId(str(each.id)) for each in b.sim.world.recordings]
        assert len(await provider.acknowledge(every)) == 500
        longest = max(len(seen.path) for seen in b.sim.journal.requests)
        assert longest < 8_000


@pytest.mark.parametrize("status", [400, 403])
async def test_refused_ids_are_isolated_and_the_rest_is_accepted(status: int) -> None:
    log = RecordedLog()
    api = answering(archived=accepting(5, 77, status=status))
    accepted = await account(api, log=log).acknowledge(ids(*range(1, 101)))
    assert accepted == tuple(ids(*(n for n in range(1, 101) if n not in (5, 77))))
    assert [keys["recording"] for keys in log.named("provider.refused")] == ["5", "77"]


@pytest.mark.parametrize("setting", ["mark", "transcode"])
async def test_a_rejected_path_names_its_setting(setting: str) -> None:
    unrouted = refusal(404, "NOT_FOUND")
    provider = account(answering(archived=unrouted, transcode=unrouted))
    call = provider.acknowledge if setting == "mark" else provider.transcode
    with pytest.raises(Misconfigured, match=rf"id syntax rejected.*ids\.{setting} "):
        await call(ids(1))


async def test_a_login_page_for_everybody_acknowledges_nothing() -> None:
    api = answering(archived=FakeReply.of(b"<html>RecordedLog in</html>"))
    with pytest.raises(Exception, match="not JSON"):
        await account(api).acknowledge(ids(1))


async def test_nothing_is_asked_for_nothing() -> None:
    api = Api([DONE])
    provider = account(api)
    await provider.transcode([])
    assert (await provider.acknowledge([]), await provider.describe([])) == ((), [])
    assert api.asked == []


# --- what it is ----------------------------------------------------------------------------------


def test_the_traits_follow_the_options() -> None:
    given = options(
        transcode=False,
        mark_archived=False,
        interval="7m",
        transcode_timeout="3h",
        since="2020-01-31",
    )
    t = traits(given)
    assert (t.type, t.transcodes, t.acknowledges, t.describes) == ("gotoassist", False, False, True)
    assert (t.lookback, t.deep_scan, t.batch) == (None, None, 500)
    assert (t.interval, t.transcode_timeout) == (timedelta(minutes=7), timedelta(hours=3))
    assert t.epoch == t.filter.since == given.since


@pytest.mark.parametrize(
    "change",
    [
        {"account_key": "5"}, {"user_key": "5"}, {"company_id": "5"}, {"session_type": "attended"},
        {"archived": "include"}, {"time_period": 30}, {"since": "2020-01-31"},
    ],
)  # fmt: skip
def test_the_scope_changes_with_what_is_listed(change: dict[str, Any]) -> None:
    assert scope(options(**change)) != scope(options())


@pytest.mark.parametrize(
    "change", [{"interval": "1h"}, {"transcode": False}, {"base_url": "https://x.test/y"}]
)
def test_the_scope_stays_when_the_same_is_listed(change: dict[str, Any]) -> None:
    assert scope(options(**change)) == scope(options())


async def test_building_has_no_effects() -> None:
    api = Api([AuthFailed("never asked")])
    assert account(api).name == "support"
    assert (api.asked, ADAPTER.type) == ([], "gotoassist")


async def test_both_schemes_are_accepted_by_the_simulator() -> None:
    async with bench(**world(1)) as b:
        for scheme in ("Bearer", "OAuth"):
            auth = {"scheme": scheme, "access_token": {"env": "SIM_G2A_TOKEN"}}
            assert all(each.ok for each in await goto(b, auth=auth).check())
        assert set(b.sim.journal.schemes) == {"bearer", "oauth"}


async def test_tokens_may_die_and_rotate_time_and_again() -> None:
    async with bench(**world(3)) as b:
        provider = goto(b)
        for _ in range(30):
            b.sim.goto_tokens.expire()
            await discovered(provider, b.span)
        assert b.sim.journal.grants["goto"] == 30
        assert "rt-0030" in b.vault.kept["support-refresh-token"]

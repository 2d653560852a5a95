"""List Zoom's users, meetings and sessions with their recordings (Z2, Z3, Z5, Z12, Z13)."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from reelkeep.simulator.replies import (
    Invalid,
    ZoomProblem,
    lacks_scope,
    no_meeting,
    no_recording,
    no_user,
)
from reelkeep.simulator.shapes import Shapes
from reelkeep.simulator.signing import jwt
from reelkeep.simulator.world import SimMeeting, SimSession, Trouble, parse_day

if TYPE_CHECKING:
    from reelkeep.simulator.signing import Signer
    from reelkeep.simulator.state import SimulatorState
    from reelkeep.simulator.switches import ZoomSwitches
    from reelkeep.simulator.world import SimFile, SimUser


class InvalidField(Exception):
    """A parameter is refused with 400/300."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class DayRange:
    """Two UTC days, both inclusive."""

    first: date
    last: date

    def __contains__(self, moment: datetime) -> bool:
        return self.first <= moment.astimezone(UTC).date() <= self.last


@dataclass(frozen=True, slots=True)
class Page:
    """Which entries are shown, and the token of what follows."""

    start: int
    stop: int
    size: int
    token: str


def days(query: Mapping[str, str], now: datetime, *, switches: ZoomSwitches) -> DayRange:
    """Return the days that `query` asks for; a span over a month silently loses its start.

    Raises:
        InvalidField: a date cannot be read, or they are in the wrong order.
    """
    loose = switches.dates_with_time
    first = _day(query, "from", now.date(), loose=loose)
    last = _day(query, "to", max(now.date() + timedelta(days=1), first), loose=loose)
    if last < first:
        raise InvalidField("from")
    return DayRange(max(first, _month_before(last)) if switches.clamp else first, last)


def page(
    query: Mapping[str, str],
    place: str,
    total: int,
    *,
    signer: Signer,
    now: datetime,
    switches: ZoomSwitches,
) -> Page:
    """Return the page that `query` asks for at `place`.

    Raises:
        InvalidField: the token is old, or does not belong to these parameters.
    """
    size = _size(query, switches)
    token = query.get("next_page_token", "")
    rest = sorted((key, value) for key, value in query.items() if key != "next_page_token")
    bound = f"{place}?{rest}"
    head, _, signature = token.partition(".")
    offset = int(head) if head.isascii() and head.isdigit() else 0
    if token and not signer.check(f"{bound}#{offset}", signature, now):
        if switches.expired_page == "empty":
            return Page(total, total, size, "")
        raise InvalidField("next_page_token")
    end = offset + size
    if end >= total:
        return Page(offset, total, size, "")
    following = signer.sign(f"{bound}#{end}", now + switches.page_life)
    return Page(offset, end, size, f"{end}.{following}")


def _size(query: Mapping[str, str], switches: ZoomSwitches) -> int:
    text = query.get("page_size", "30")
    if not (text.isascii() and text.isdigit() and int(text)):
        raise InvalidField("page_size")
    return 30 if switches.ignore_page_size else min(int(text), switches.page_cap)


def _day(query: Mapping[str, str], name: str, default: date, *, loose: bool) -> date:
    if not query.get(name):
        return default
    try:
        return parse_day(query[name], loose=loose)
    except ValueError as error:
        raise InvalidField(name) from error


def _month_before(day: date) -> date:
    year, month = (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


Owner = TypeVar("Owner", SimMeeting, SimSession)
Query = Mapping[str, str]
_LONGEST_TTL = 604_800

TROUBLES = {
    Trouble.SCOPE: lacks_scope("cloud_recording:read:list_user_recordings:admin"),
    Trouble.RIGHTS: ZoomProblem(200, 200, "You do not have the right permissions."),
    Trouble.NO_PLAN: ZoomProblem(400, 200, "You do not have the right permissions."),
    Trouble.UNKNOWN: ZoomProblem(404, 7777, "Something is wrong."),
    Trouble.ERROR: ZoomProblem(500, 500, "Internal error."),
}
"""Troubles of a user that Zoom words as errors, of whatever is listed."""

_SHOWN_FOR_EVER: dict[Trouble | None, int] = {Trouble.EMPTY_PAGES: 0, Trouble.REPEATS: 1}
"""Entries that each page shows, of pages without end."""


@dataclass(slots=True)
class Listings:
    """Answers the GET calls of Zoom's API."""

    scene: SimulatorState
    _repeated: set[str] = field(default_factory=set)

    def users(self, query: Query) -> dict[str, Any]:
        """Answer `GET /users`."""
        status = query.get("status", "active")
        if status not in ("active", "inactive", "pending"):
            raise Invalid("status")
        users = self.scene.world.users
        found = [user for user in users if user.status == status and not user.departed]
        part = self._page(query, "users", len(found))
        shown = [Shapes(self.scene).user(user) for user in found[part.start : part.stop]]
        return _counts(part, len(found), len(shown)) | {"page_number": 1, "users": shown}

    def user(self, name: str) -> dict[str, Any]:
        """Answer `GET /users/{id}`; `me` is the owner of the account."""
        return Shapes(self.scene).user(self._user(name))

    def meetings_of_user(self, name: str, query: Query) -> dict[str, Any]:
        """Answer `GET /users/{id}/recordings`."""
        if name == "me" and not self.scene.switches.zoom.me_listed:
            raise ZoomProblem(400, 4700, "Token cannot be empty.")
        user, trouble = self._user(name), self.trouble(name)
        refused = _refused(trouble, query)
        if refused is not None:
            raise refused
        shown = _SHOWN_FOR_EVER.get(trouble)
        if shown is not None:
            query = {key: value for key, value in query.items() if key != "next_page_token"}
        found = [one for one in self.scene.world.meetings if one.host.id == user.id]
        reply = self._meetings(query, f"users/{user.id}", found)
        if shown is not None:
            reply |= {"meetings": reply["meetings"][:shown], "next_page_token": "again"}
        if not self.scene.switches.zoom.user_host_email:
            for meeting in reply["meetings"]:
                meeting.pop("host_email", None)
        return reply

    def trouble(self, name: str) -> Trouble | None:
        """Return what is wrong with the listings of a user."""
        user, broken = self._user(name), self.scene.switches.zoom.broken_users
        return user.trouble or broken.get(user.email)

    def meetings_of_account(self, name: str, query: Query) -> dict[str, Any]:
        """Answer `GET /accounts/me/recordings`; another name needs a master account."""
        if name != "me":
            scope = "cloud_recording:read:list_account_recordings:master"
            raise ZoomProblem(
                400, 4711, f"Invalid access token, does not contain scopes:[{scope}]."
            )
        return self._meetings(query, "accounts", self.scene.world.meetings)

    def sessions(self, query: Query) -> dict[str, Any]:
        """Answer `GET /videosdk/recordings`."""
        found = self.scene.world.sessions
        reply = self._listing(query, "videosdk", found, Shapes(self.scene).session, "sessions")
        if self.scene.switches.zoom.sdk_unwrapped and len(reply["sessions"]) == 1:
            only: dict[str, Any] = reply["sessions"][0]
            return only
        return reply

    def meeting(self, name: str, query: Query) -> dict[str, Any]:
        """Answer `GET /meetings/{uuid}/recordings`."""
        meeting = self.find_meeting(name)
        files = self._shown_files(meeting, trash=None)
        if meeting.trashed_at or not files:
            raise no_recording()
        shape = Shapes(self.scene).meeting(meeting, files)
        return self._single(shape, meeting, meeting.uuid, query) | {"password": "pp-0001"}

    def session(self, name: str, query: Query) -> dict[str, Any]:
        """Answer `GET /videosdk/sessions/{id}/recordings`."""
        session = self.find_session(name)
        files = self._shown_files(session, trash=None)
        if session.trashed_at or not files:
            raise no_recording()
        return self._single(Shapes(self.scene).session(session, files), session, name, query)

    def find_meeting(self, name: str) -> SimMeeting:
        """Return the meeting of that uuid; a number means its latest instance (Z5)."""
        here = [one for one in self.scene.world.meetings if self._here(one)]
        found = [one for one in here if name in (one.uuid, str(one.id))]
        if not found:
            raise no_meeting(name)
        return max(found, key=lambda one: one.started_at)

    def find_session(self, name: str) -> SimSession:
        """Return the session of that id."""
        here = [one for one in self.scene.world.sessions if self._here(one)]
        found = [one for one in here if one.id == name]
        if not found:
            raise no_meeting(name)
        return found[0]

    def _meetings(self, query: Query, place: str, found: list[SimMeeting]) -> dict[str, Any]:
        on_prem = query.get("mc", "false") == "true"
        found = [one for one in found if one.on_prem == on_prem]
        if query.get("meeting_id"):
            found = [one for one in found if str(one.id) == query["meeting_id"]]
        return self._listing(query, place, found, Shapes(self.scene).meeting, "meetings")

    def _listing(
        self,
        query: Query,
        place: str,
        owners: Sequence[Owner],
        shape: Callable[[Owner, list[SimFile]], dict[str, Any]],
        name: str,
    ) -> dict[str, Any]:
        try:
            span = days(query, self.scene.now(), switches=self.scene.switches.zoom)
        except InvalidField as error:
            raise Invalid(error.field) from error
        trash = _trash(query)
        rows = [(one, self._shown_files(one, trash=trash)) for one in owners if self._here(one)]
        rows = [
            (one, files)
            for one, files in rows
            if _belongs(one, files, trash) and (trash or one.started_at in span)
        ]
        rows.sort(key=lambda row: row[0].started_at, reverse=True)
        part = self._page(query, place, len(rows))
        shown = [shape(one, files) for one, files in rows[part.start : part.stop]]
        dates = {"from": span.first.isoformat(), "to": span.last.isoformat()}
        return dates | _counts(part, len(rows), len(shown)) | {name: shown}

    def _page(self, query: Query, place: str, total: int) -> Page:
        token = query.get("next_page_token", "")
        try:
            part = page(
                query,
                place,
                total,
                signer=self.scene.signer,
                now=self.scene.now(),
                switches=self.scene.switches.zoom,
            )
        except InvalidField as error:
            raise Invalid(error.field) from error
        if not self.scene.switches.zoom.repeat_pages or not part.start or token in self._repeated:
            return part
        self._repeated.add(token)
        return Page(part.start - part.size, part.start, part.size, token)

    def _shown_files(self, owner: SimMeeting | SimSession, *, trash: str | None) -> list[SimFile]:
        others = owner.participants if isinstance(owner, SimSession) else []
        now = self.scene.now()
        wants_trashed = trash == "recording_file"
        return [
            file
            for file in [*owner.files, *others]
            if file.shown(now)
            and (file.trashed_at is not None) == wants_trashed
            and self._in_time(file.trashed_at)
        ]

    def _here(self, owner: SimMeeting | SimSession) -> bool:
        visible = owner.visible_from is None or self.scene.now() >= owner.visible_from
        return visible and not owner.deleted and self._in_time(owner.trashed_at)

    def _in_time(self, trashed_at: datetime | None) -> bool:
        life = self.scene.switches.zoom.trash_life
        return trashed_at is None or self.scene.now() < trashed_at + life

    def _user(self, name: str) -> SimUser:
        users = self.scene.world.users
        found = users[:1] if name == "me" else [u for u in users if name in (u.id, u.email)]
        if not found or found[0].gone or found[0].departed:
            raise no_user(name)
        return found[0]

    def _single(
        self, shape: dict[str, Any], owner: SimMeeting | SimSession, name: str, query: Query
    ) -> dict[str, Any]:
        extra: dict[str, Any] = {"participant_audio_files": Shapes(self.scene).audio(owner)}
        if "download_access_token" in query.get("include_fields", ""):
            text = query.get("ttl", "3600")
            if not (text.isascii() and text.isdigit() and int(text) <= _LONGEST_TTL):
                raise Invalid("ttl")
            expires = int(self.scene.now().timestamp()) + int(text)
            claims = {"iss": "download", "uuid": name, "exp": expires}
            extra["download_access_token"] = jwt(claims, self.scene.signer.secret)
        return shape | extra


def _refused(trouble: Trouble | None, query: Query) -> ZoomProblem | None:
    apart = {Trouble.NO_TRASH: "trash", Trouble.NO_PREMISES: "mc"}
    if trouble in apart and query.get(apart[trouble]) == "true":
        return TROUBLES[Trouble.NO_PLAN]
    return None if trouble is None else TROUBLES.get(trouble)


def _trash(query: Query) -> str | None:
    if query.get("trash", "false") != "true":
        return None
    return "recording_file" if query.get("trash_type") == "recording_file" else "whole"


def _belongs(owner: SimMeeting | SimSession, files: list[SimFile], trash: str | None) -> bool:
    """Tell whether a listing names `owner`: without files only if it never had any."""
    if (owner.trashed_at is not None) != (trash == "whole"):
        return False
    return bool(files) or (trash is None and not owner.files)


def _counts(part: Page, total: int, shown: int) -> dict[str, Any]:
    return {
        "page_count": -(-total // part.size),
        "page_size": part.size,
        "total_records": total,
        "next_page_token": part.token if shown else "",
    }

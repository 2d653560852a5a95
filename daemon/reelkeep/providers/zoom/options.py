"""What an operator may write for providers of type `zoom` and `zoom-videosdk`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from reelkeep.config_types.provider import Address, CriteriaOptions, ProviderOptions
from reelkeep.config_types.secrets import Secret
from reelkeep.config_types.values import Duration, Identifier, Moment, PositiveDuration, Text
from reelkeep.core.filters import Filter
from reelkeep.core.lifecycle import Disposal

ACCOUNT: Final = "account"
"""One listing of the whole account, written so."""


def _users(value: object) -> tuple[str, ...] | Literal["account"] | None:
    if value == "all":
        return None
    if value == ACCOUNT:
        return "account"
    listed = list(value) if isinstance(value, list | tuple) else []
    if not listed or not all(isinstance(user, str) and user.strip() for user in listed):
        raise ValueError("expected all, account, or a list of user ids and e-mail addresses")
    return tuple(dict.fromkeys(listed))


def _written(users: tuple[str, ...] | str | None) -> str | list[str]:
    if users is None:
        return "all"
    return users if isinstance(users, str) else list(users)


Users = Annotated[
    tuple[str, ...] | Literal["account"] | None,
    BeforeValidator(_users),
    PlainSerializer(_written),
    WithJsonSchema(
        {
            "oneOf": [
                {"enum": ["all", ACCOUNT]},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    ),
]
"""A list of users, None for all of them (written `all`), or `account`."""


class ZoomSpan(ProviderOptions):
    """What the two Zoom APIs have in common: which span is read when, and what is kept of it."""

    interval: PositiveDuration = timedelta(minutes=10)
    """How often it is polled, with a jitter of 10 %."""
    api_url: Address = "https://api.zoom.us/v2"
    """The API."""
    since: Moment = datetime(2020, 1, 1, tzinfo=UTC)
    """Ignore what started before; also where a deep scan begins."""
    lookback: Duration = timedelta(days=7)
    """Every poll reads this much again, for late files."""
    deep_scan: PositiveDuration = timedelta(days=7)
    """How often the whole span back to `since` is read again."""
    settle: Duration = timedelta(hours=72)
    """A recording stays open for late files this long after its start."""
    plan: Literal["free", "pro", "business"] = "pro"
    """The column of the provider's table of rate limits."""
    include: CriteriaOptions = CriteriaOptions()
    """Only files that match every key given here."""
    exclude: CriteriaOptions = CriteriaOptions()
    """No files that match a key given here."""
    trash: Literal["ignore", "rescue"] = "ignore"
    """rescue: also archive what is in the provider's trash, whole meetings and single files."""
    after_archive: Literal["keep", "trash"] = "keep"
    """trash: move a recording to the provider's trash once all of it is here, verified, settled."""
    trash_dry_run: bool = True
    """true: only log what after_archive would move to the trash; false: move it."""
    trash_limit: Annotated[int, Field(ge=1, le=1000)] = 20
    """Recordings that after_archive moves to the trash in one interval, at most."""

    def disposal(self) -> Disposal | None:
        """Return how recordings are moved to the trash, None if they are not."""
        if self.after_archive == "keep":
            return None
        return Disposal(limit=self.trash_limit, dry_run=self.trash_dry_run)

    def filter(self) -> Filter:
        """Return which files are wanted."""
        return Filter(
            include=self.include.criteria(), exclude=self.exclude.criteria(), since=self.since
        )


class ExcludeOptions(CriteriaOptions):
    """What is not wanted."""

    users: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """Ids or addresses of users whose recordings are not asked for; not with users: account."""


class ZoomOptions(ZoomSpan):
    """Zoom cloud recordings of one account, by a server-to-server OAuth app."""

    type: Literal["zoom"]
    """Zoom meetings."""
    token_url: Address = "https://zoom.us/oauth/token"  # noqa: S105 - an address
    """Where tokens are asked for."""
    account_id: Text
    """The account, from the app's credentials page."""
    client_id: Text
    """The app."""
    client_secret: Secret
    """The secret of the app."""
    exclude: ExcludeOptions = ExcludeOptions()
    """No files that match a key given here, and nothing of the users given here."""
    users: Users = None
    """all (active, inactive, pending), account (one listing of everything), or a list of users."""
    meeting_id: Identifier | None = None
    """Only this meeting; null: all."""
    participant_audio: bool = False
    """true: also the audio of each participant (one more request a meeting)."""
    meeting_connector: bool = False
    """true: also list on-premise recordings; they are recorded as skipped: nothing to download."""

    @model_validator(mode="after")
    def _one_listing(self) -> Self:
        if self.users == ACCOUNT and self.meeting_id is not None:
            raise ValueError("meeting_id needs users: all or a list; or use include.meeting_ids")
        if self.users == ACCOUNT and self.exclude.users:
            raise ValueError("exclude.users needs users: all or a list: account is one listing")
        return self


class VideoSdkOptions(ZoomSpan):
    """Zoom Video SDK cloud recordings, by an API key."""

    type: Literal["zoom-videosdk"]
    """Zoom Video SDK."""
    api_key: Text
    """The API key (not the SDK key)."""
    api_secret: Secret
    """Its secret."""
    token_in: Literal["header", "query"] = "header"  # noqa: S105 - a place
    """Where a download's token is sent."""
    participant_audio: bool = False
    """true: also the audio of each participant (one more request a session)."""

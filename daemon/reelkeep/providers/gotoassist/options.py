"""What an operator may write for a provider of type `gotoassist`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from reelkeep.config_types.provider import Address, ProviderOptions
from reelkeep.config_types.secrets import Secret
from reelkeep.config_types.values import (
    Fault,
    Identifier,
    Moment,
    Options,
    PositiveDuration,
    Text,
    fault,
)
from reelkeep.core.filters import Filter

_REFRESHING = ("client_id", "client_secret", "refresh_token")


Rate = Annotated[
    float,
    Field(gt=0, le=100),
    PlainSerializer(lambda rate: int(rate) if rate == int(rate) else rate, return_type=float | int),
]


class GoToAssistAuth(Options):
    """Either a token that is given, or what is needed to get tokens."""

    scheme: Literal["Bearer", "OAuth"] = "Bearer"
    """The Authorization header: `Bearer …`, or the older `OAuth oauth_token=…`."""
    access_token: Secret | None = None
    """A token that somebody else keeps fresh."""
    client_id: Text | None = None
    """The OAuth client; with client_secret and refresh_token, instead of access_token."""
    client_secret: Secret | None = None
    """The secret of the OAuth client."""
    refresh_token: Secret | None = None
    """Imported once; from then on the rotated one beside the catalog is used."""
    token_url: Address = "https://authentication.logmeininc.com/oauth/token"  # noqa: S105 - an address
    """Where tokens are asked for."""

    @classmethod
    def amiss(cls, given: Mapping[str, object]) -> Iterator[Fault]:
        """Yield what contradicts `access_token`, or what is missing without it."""
        present = [key for key in _REFRESHING if given.get(key) is not None]
        missing = [key for key in _REFRESHING if key not in present]
        if given.get("access_token") is not None:
            if present:
                yield fault(f"expected access_token alone, got also {', '.join(present)}")
        elif missing:
            yield fault(
                "expected access_token, or client_id, client_secret and refresh_token; "
                f"missing: {', '.join(missing) if present else 'all of them'}"
            )


class IdSyntax(Options):
    """How lists of recording ids are sent; the provider's documentation does not say."""

    urls: Literal["csv", "repeat"] = "csv"
    """In the query for download addresses: one list with commas, or one pair for each id."""
    urls_param: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=64)] = (
        "recordingIds"
    )
    """The name of that pair."""
    mark: Literal["path", "body"] = "path"
    """When marking as archived: in the path, or as JSON in the body."""
    transcode: Literal["path", "body"] = "path"
    """When asking for a transcoding: in the path, or as JSON in the body."""
    batch: Annotated[int, Field(ge=1, le=500)] = 100
    """Ids in one request; the provider takes at most 500."""


class GoToAssistOptions(ProviderOptions):
    """A GoToAssist Remote Support account. Give account_key, user_key or company_id, or several."""

    type: Literal["gotoassist"]
    """GoToAssist Remote Support v1."""
    base_url: Address = "https://api.getgo.com/G2A/rest/v1"
    """The API."""
    account_key: Identifier | None = None
    """List the recordings of this account."""
    user_key: Identifier | None = None
    """List the recordings of this user."""
    company_id: Identifier | None = None
    """List the recordings of this company."""
    session_type: Literal["attended", "unattended"] | None = None
    """Only sessions of this type; null: both."""
    since: Moment | None = None
    """Ignore what started before; null: nothing is too old."""
    time_period: Annotated[int, Field(ge=1)] | None = None
    """Ask only for the last so many days (the API's timePeriod); null: for all since `since`."""
    transcode: bool = True
    """Ask for the transcoding of what is ready for it."""
    transcode_timeout: PositiveDuration = timedelta(hours=24)
    """A transcoding that takes longer is reported."""
    mark_archived: bool = True
    """Mark a recording as archived once each of its files is verified and durable."""
    archived: Literal["exclude", "include"] = "exclude"
    """include: also fetch what is already marked as archived, e.g. after a lost disk."""
    requests_per_second: Rate = 5
    """The provider refuses more than 10."""
    requests_per_day: Annotated[int, Field(ge=1)] | None = None
    """A daily budget, for older developer keys; null: none."""
    ids: IdSyntax = IdSyntax()
    """How ids are sent."""
    auth: GoToAssistAuth
    """Credentials."""

    @classmethod
    def amiss(cls, given: Mapping[str, object]) -> Iterator[Fault]:
        """Yield a complaint if no key says whose recordings are meant."""
        if all(given.get(key) is None for key in ("account_key", "user_key", "company_id")):
            yield fault("expected at least one of account_key, user_key, company_id, got none")

    def filter(self) -> Filter:
        """Return which recordings are wanted: all that are not too old."""
        return Filter(since=self.since)

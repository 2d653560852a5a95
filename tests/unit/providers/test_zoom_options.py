"""What an operator may write for Zoom meetings and the Video SDK."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from reelkeep.config_types.values import Surroundings
from reelkeep.core.filters import Criteria, Filter
from reelkeep.core.lifecycle import Disposal
from reelkeep.providers.zoom.options import VideoSdkOptions, ZoomOptions

AROUND = Surroundings(environ={"SECRET": "s3cr3t"})


def meetings(**changes: Any) -> ZoomOptions:
    values = {
        "name": "meetings",
        "type": "zoom",
        "account_id": "acct",
        "client_id": "app",
        "client_secret": {"env": "SECRET"},
    }
    return ZoomOptions.model_validate(values | changes, context=AROUND)


def sdk(**changes: Any) -> VideoSdkOptions:
    values = {
        "name": "sdk",
        "type": "zoom-videosdk",
        "api_key": "key",
        "api_secret": {"env": "SECRET"},
    }
    return VideoSdkOptions.model_validate(values | changes, context=AROUND)


@pytest.mark.parametrize("options", [meetings(), sdk()])
def test_the_defaults_of_both_are_the_contracts(options: ZoomOptions | VideoSdkOptions) -> None:
    assert options.api_url == "https://api.zoom.us/v2"
    assert options.interval == timedelta(minutes=10)
    assert options.since == datetime(2020, 1, 1, tzinfo=UTC)
    assert (options.lookback, options.deep_scan) == (timedelta(days=7), timedelta(days=7))
    assert options.settle == timedelta(hours=72)
    assert (options.plan, options.trash, options.after_archive) == ("pro", "ignore", "keep")
    assert options.filter() == Filter(since=options.since)


def test_the_defaults_of_meetings_are_the_contracts() -> None:
    options = meetings()
    assert options.token_url == "https://zoom.us/oauth/token"
    assert options.users is None
    assert (options.participant_audio, options.meeting_connector) == (False, False)
    assert options.meeting_id is None


def test_a_download_token_of_the_sdk_is_sent_in_a_header() -> None:
    assert sdk().token_in == "header"


def test_all_users_are_written_as_all() -> None:
    assert meetings(users="all").model_dump(mode="json")["users"] == "all"


def test_users_are_listed_once_each() -> None:
    assert meetings(users=["a@b.test", "u-1", "a@b.test"]).users == ("a@b.test", "u-1")


@pytest.mark.parametrize("users", [[], "everyone", [5], [""], None, {}])
def test_users_are_all_or_a_list(users: object) -> None:
    with pytest.raises(ValidationError, match="expected all, account, or a list"):
        meetings(users=users)


@pytest.mark.parametrize("read", [meetings, sdk])
def test_the_trash_is_used_only_if_one_says_so_and_at_first_for_a_rehearsal(read: Any) -> None:
    assert read().disposal() is None
    assert read(trash_dry_run=False, trash_limit=5).disposal() is None
    assert read(after_archive="trash").disposal() == Disposal(limit=20, dry_run=True)
    wish = read(after_archive="trash", trash_dry_run=False, trash_limit=5).disposal()
    assert wish == Disposal(limit=5, dry_run=False)


@pytest.mark.parametrize("read", [meetings, sdk])
@pytest.mark.parametrize("limit", [0, -1, 1001, "many"])
def test_the_limit_of_the_trash_is_a_sensible_number(read: Any, limit: object) -> None:
    with pytest.raises(ValidationError):
        read(after_archive="trash", trash_limit=limit)


def test_a_topic_is_a_regular_expression() -> None:
    with pytest.raises(ValidationError, match="regular expression"):
        meetings(include={"topic": "("})


def test_the_filter_is_what_include_and_exclude_say() -> None:
    filter_ = sdk(include={"topic": "plan"}, exclude={"file_types": ["CHAT"]}).filter()
    assert filter_.include == Criteria(topic="plan")
    assert filter_.exclude == Criteria(file_types=frozenset({"CHAT"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"plan": "enterprise"},
        {"trash": "yes"},
        {"deep_scan": "0s"},
        {"since": None},
        {"since": "last year"},
        {"include": {"file_types": "MP4"}},
        {"client_secret": "bare"},
        {"account_id": 5},
        {"meeting_id": 8.1e10},
    ],
)
def test_a_bad_value_is_refused_at_its_key(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        meetings(**changes)
    assert [line["loc"][0] for line in caught.value.errors()] == list(changes)


def test_users_of_a_whole_account_cannot_be_excluded() -> None:
    with pytest.raises(ValidationError, match=r"exclude\.users needs users: all"):
        meetings(users="account", exclude={"users": ["u-1"]})


def test_an_account_as_a_whole_is_written_so() -> None:
    given = meetings(users="account")
    assert given.users == "account"
    assert given.model_dump(mode="json")["users"] == "account"


def test_one_meeting_of_a_whole_account_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValidationError, match=r"use include\.meeting_ids"):
        meetings(users="account", meeting_id="81234567890")

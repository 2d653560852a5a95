"""What an operator may write for GoToAssist."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from reelkeep.config_types.secrets import Secret
from reelkeep.config_types.values import Surroundings
from reelkeep.providers.gotoassist.options import GoToAssistOptions

AROUND = Surroundings(environ={"TOKEN": "t0k3n"})
SECRET = {"env": "TOKEN"}
REFRESHING = {"client_id": "app", "client_secret": SECRET, "refresh_token": SECRET}


def read(**changes: Any) -> GoToAssistOptions:
    values = {
        "name": "support",
        "type": "gotoassist",
        "account_key": 400000000000001,
        "auth": {"access_token": SECRET},
    }
    return GoToAssistOptions.model_validate(values | changes, context=AROUND)


def refusal(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        read(**changes)
    return "\n".join(f"{line['loc']} {line['msg']}" for line in caught.value.errors())


def test_the_defaults_are_the_contracts() -> None:
    options = read()
    assert options.base_url == "https://api.getgo.com/G2A/rest/v1"
    assert options.interval == timedelta(minutes=5)
    assert options.transcode_timeout == timedelta(days=1)
    assert options.ids.model_dump() == {
        "urls": "csv",
        "urls_param": "recordingIds",
        "mark": "path",
        "transcode": "path",
        "batch": 100,
    }
    assert (options.transcode, options.mark_archived, options.archived) == (True, True, "exclude")
    assert options.requests_per_second == 5
    assert options.auth.token_url == "https://authentication.logmeininc.com/oauth/token"


def test_a_key_of_any_size_keeps_its_digits() -> None:
    assert read(account_key=2**63 - 1).account_key == "9223372036854775807"


@pytest.mark.parametrize("key", ["account_key", "user_key", "company_id"])
def test_one_key_is_enough(key: str) -> None:
    assert getattr(read(**{"account_key": None, key: 5}), key) == "5"


def test_without_any_key_nobody_knows_whose_recordings_are_meant() -> None:
    said = refusal(account_key=None)
    assert "at least one of account_key, user_key, company_id" in said


def test_a_key_is_never_a_float() -> None:
    assert "account_key" in refusal(account_key=4.0e14)


def test_tokens_can_be_refreshed() -> None:
    auth = read(auth=REFRESHING).auth
    assert isinstance(auth.refresh_token, Secret)
    assert auth.access_token is None


@pytest.mark.parametrize("missing", sorted(REFRESHING))
def test_refreshing_needs_all_three(missing: str) -> None:
    auth = {key: value for key, value in REFRESHING.items() if key != missing}
    assert f"missing: {missing}" in refusal(auth=auth)


def test_no_credentials_at_all_is_refused() -> None:
    assert "missing: all of them" in refusal(auth={})


def test_both_kinds_of_credentials_are_refused() -> None:
    said = refusal(auth={"access_token": SECRET, "client_id": "app"})
    assert "access_token alone, got also client_id" in said


@pytest.mark.parametrize(
    "changes",
    [
        {"archived": "yes"},
        {"session_type": "both"},
        {"requests_per_second": 0},
        {"requests_per_second": "5"},
        {"requests_per_second": True},
        {"requests_per_day": 0},
        {"time_period": 0},
        {"ids": {"batch": 501}},
        {"ids": {"batch": 0}},
        {"ids": {"urls": "json"}},
        {"ids": {"urls_param": "a=b&c"}},
        {"auth": {"access_token": SECRET, "scheme": "Basic"}},
        {"transcode": "false"},
        {"name": "Support Team"},
        {"name": "../up"},
        {"type": "zoom"},
        {"interval": "0s"},
    ],
)
def test_a_bad_value_is_refused_at_its_key(changes: dict[str, Any]) -> None:
    assert f"('{next(iter(changes))}'" in refusal(**changes)


def test_the_rate_may_be_a_fraction() -> None:
    assert read(requests_per_second=0.5).model_dump(mode="json")["requests_per_second"] == 0.5


def test_the_filter_is_since_alone() -> None:
    assert read(since="2024-01-01").filter().since == datetime(2024, 1, 1, tzinfo=UTC)

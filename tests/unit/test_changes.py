"""What a new configuration changes, and what of it waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from reelkeep.settings.changes import WAITING, Change, compare
from reelkeep.settings.load import load
from reelkeep.settings.model import Settings

SUPPORT = {
    "name": "support",
    "type": "gotoassist",
    "account_key": 1,
    "auth": {"access_token": {"env": "TOKEN"}},
}
SDK = {
    "name": "sdk",
    "type": "zoom-videosdk",
    "api_key": "k",
    "api_secret": {"env": "SECRET"},
}
ENVIRON = {"TOKEN": "t0ken-of-support", "SECRET": "s3cret-of-sdk", "OTHER": "an-0ther-secret"}


@pytest.fixture
def made(tmp_path: Path) -> Any:
    """Return what makes settings of a document."""

    def make(
        *providers: dict[str, Any], environ: dict[str, str] = ENVIRON, **rest: Any
    ) -> Settings:
        path = tmp_path / "reelkeep.yaml"
        path.write_text(yaml.safe_dump({"providers": list(providers or [SUPPORT, SDK]), **rest}))
        return load(path, environ=environ)

    return make


def told(change: Change) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return change.applied, change.waiting


def test_nothing_comes_of_nothing(made: Any) -> None:
    change = compare(made(), made())
    assert told(change) == ((), ())
    assert (change.ended, change.begun) == ((), ())
    assert change.settings == made()


def test_limits_and_log_are_applied(made: Any) -> None:
    new = made(
        downloads={"workers": 2, "retry": {"attempts": 3}, "bandwidth": "1MiB"},
        shutdown_grace="5s",
        log={"level": "debug"},
        archive={"min_free": "2GiB"},
    )
    change = compare(made(), new)
    assert change.applied == (
        "archive.min_free",
        "downloads.workers",
        "downloads.bandwidth",
        "downloads.retry.attempts",
        "shutdown_grace",
        "log.level",
    )
    assert change.waiting == ()
    assert change.settings == new


@pytest.mark.parametrize(
    ("section", "value", "key"),
    [
        ("archive", {"path": "/elsewhere"}, "archive.path"),
        ("archive", {"layout": "{id}"}, "archive.layout"),
        ("archive", {"timezone": "Europe/Berlin"}, "archive.timezone"),
        ("archive", {"file_mode": "0600"}, "archive.file_mode"),
        ("archive", {"directory_mode": "0700"}, "archive.directory_mode"),
        ("catalog", {"url": "sqlite:////elsewhere.db"}, "catalog.url"),
        ("network", {"allow": ["10.0.0.0/8"]}, "network.allow"),
        ("network", {"proxy": "http://proxy:3128"}, "network.proxy"),
        ("server", {"listen": "127.0.0.1:1234"}, "server.listen"),
    ],
)
def test_what_the_process_stands_on_waits_and_keeps_its_value(
    made: Any, section: str, value: dict[str, Any], key: str
) -> None:
    change = compare(made(), made(**{section: value}))
    assert told(change) == ((), (key,))
    assert change.settings == made()


def test_a_section_may_be_applied_in_part(made: Any) -> None:
    new = made(archive={"min_free": "2GiB", "path": "/elsewhere"})
    change = compare(made(), new)
    assert told(change) == (("archive.min_free",), ("archive.path",))
    assert change.settings.archive.min_free == new.archive.min_free
    assert change.settings.archive.path == made().archive.path


def test_what_waits_is_told_again_at_the_next_reload(made: Any) -> None:
    new = made(archive={"path": "/elsewhere"})
    once = compare(made(), new)
    assert compare(once.settings, new).waiting == ("archive.path",)


def test_every_key_that_waits_exists(made: Any) -> None:
    settings = made()
    for key in WAITING:
        value: object = settings
        for step in key.split("."):
            value = getattr(value, step)


def test_a_provider_that_is_added_begins(made: Any) -> None:
    change = compare(made(SUPPORT), made(SUPPORT, SDK))
    assert change.applied == ("providers.sdk (added)",)
    assert (change.ended, [each.name for each in change.begun]) == ((), ["sdk"])


def test_a_provider_that_is_removed_ends(made: Any) -> None:
    change = compare(made(SUPPORT, SDK), made(SUPPORT))
    assert change.applied == ("providers.sdk (removed)",)
    assert (change.ended, change.begun) == (("sdk",), ())


def test_a_provider_that_changed_ends_and_begins(made: Any) -> None:
    include = {"file_types": ["MP4"]}
    change = compare(made(), made(SUPPORT, {**SDK, "interval": "1h", "include": include}))
    assert change.applied == ("providers.sdk.interval", "providers.sdk.include.file_types")
    assert change.ended == ("sdk",)
    assert [each.interval.total_seconds() for each in change.begun] == [3600]


def test_a_rotated_secret_is_a_change_and_is_not_told(made: Any) -> None:
    change = compare(made(), made(environ={**ENVIRON, "SECRET": "an0ther"}))
    assert change.applied == ("providers.sdk.api_secret",)
    assert change.ended == ("sdk",)
    assert "an0ther" not in repr(change)


def test_another_source_of_the_same_secret_is_none(made: Any) -> None:
    entry = {**SDK, "api_secret": {"env": "OTHER"}}
    same = {**ENVIRON, "OTHER": ENVIRON["SECRET"]}
    assert compare(made(), made(SUPPORT, entry, environ=same)).applied == ()


def test_another_type_of_provider_is_told_as_such(made: Any) -> None:
    change = compare(made(SUPPORT), made({**SDK, "name": "support"}))
    assert change.applied == ("providers.support.type",)
    assert (change.ended, [each.type for each in change.begun]) == (("support",), ["zoom-videosdk"])


@pytest.mark.parametrize("before", [True, False])
def test_enabling_begins_and_disabling_ends(made: Any, *, before: bool) -> None:
    old, new = ({**SDK, "enabled": enabled} for enabled in (before, not before))
    change = compare(made(SUPPORT, old), made(SUPPORT, new))
    assert change.applied == ("providers.sdk.enabled",)
    assert change.ended == (("sdk",) if before else ())
    assert [each.name for each in change.begun] == ([] if before else ["sdk"])


def test_the_order_of_providers_means_nothing(made: Any) -> None:
    assert compare(made(SUPPORT, SDK), made(SDK, SUPPORT)).applied == ()

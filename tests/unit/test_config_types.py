"""The vocabulary of configuration models."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError, create_model

from reelkeep.config_types.provider import Address, CriteriaOptions, Listen, Network, Proxy
from reelkeep.config_types.secrets import Secret, secrets_of
from reelkeep.config_types.values import (
    Duration,
    Fault,
    Identifier,
    LocalPath,
    Mode,
    Moment,
    Options,
    Pattern,
    PositiveDuration,
    PositiveSize,
    Size,
    Surroundings,
    Text,
    fault,
)
from reelkeep.core.addresses import AddressPolicy, Endpoint, SocketFile

VALUE = "s3cr3t-t0ken"


class Inner(Options):
    secret: Secret | None = None
    flag: bool = False


class Sample(Options):
    duration: Duration = timedelta(minutes=5)
    positive: PositiveDuration = timedelta(minutes=5)
    size: Size = 1024
    some: PositiveSize | None = None
    address: Address = "https://api.example.test"
    proxy: Proxy | None = None
    network: Network = "::1/128"
    listen: Listen = Endpoint("127.0.0.1", 1)
    identifier: Identifier = "1"
    moment: Moment | None = None
    path: LocalPath = Path("/tmp")
    mode: Mode = 0o640
    pattern: Pattern = ""
    text: Text = "text"
    flag: bool = True
    number: int = 1
    inner: Inner = Inner()

    @classmethod
    def amiss(cls, given: Mapping[str, object]) -> Iterator[Fault]:
        if given.get("text") == given.get("pattern") is not None:
            yield fault("text and pattern are the same")


def read(around: Surroundings | None = None, **values: Any) -> Sample:
    return Sample.model_validate(values, context=around)


def complaints(around: Surroundings | None = None, **values: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        read(around, **values)
    return [
        ".".join(map(str, line["loc"])) + ": " + str(line.get("ctx", {}).get("error", line["type"]))
        for line in caught.value.errors()
    ]


READ: list[tuple[str, object, object, object]] = [
    ("duration", "2h", timedelta(hours=2), "2h"),
    ("size", "64KiB", 65_536, "64KiB"),
    ("size", 0, 0, "0B"),
    ("some", None, None, None),
    ("address", "https://api.example.test/v2/", "https://api.example.test/v2", None),
    ("address", "http://[::1]:80", "http://[::1]:80", "http://[::1]:80"),
    ("proxy", "http://proxy:3128", "http://proxy:3128", "http://proxy:3128"),
    ("network", "127.0.0.0/8", "127.0.0.0/8", "127.0.0.0/8"),
    ("network", "10.1.2.3", "10.1.2.3/32", None),
    ("network", "[::1]", "::1/128", None),
    ("network", "Media.Internal.", "media.internal", None),
    ("listen", "127.0.0.1:9477", Endpoint("127.0.0.1", 9477), "127.0.0.1:9477"),
    ("listen", "unix:/run/r.sock", SocketFile(Path("/run/r.sock")), "unix:/run/r.sock"),
    ("listen", "[::1]:0", Endpoint("::1", 0), "[::1]:0"),
    ("listen", "localhost:80", Endpoint("localhost", 80), "localhost:80"),
    ("identifier", 9_223_372_036_854_775_807, "9223372036854775807", None),
    ("identifier", "812 3456-7890", "81234567890", None),
    ("identifier", "/aB3/x//Yz+12Q==", "/aB3/x//Yz+12Q==", None),
    ("moment", date(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC), "2020-01-01"),
    ("moment", "2020-01-01", datetime(2020, 1, 1, tzinfo=UTC), "2020-01-01"),
    ("moment", "2020-01-01T14:00:00+02:00", datetime(2020, 1, 1, 12, tzinfo=UTC), None),
    ("moment", datetime(2020, 1, 1, 12), datetime(2020, 1, 1, 12, tzinfo=UTC), None),  # noqa: DTZ001 - YAML gives these
    ("mode", "0640", 0o640, "0640"),
    ("mode", "2750", 0o2750, "2750"),
    ("pattern", "(?i)plan", "(?i)plan", None),
]


@pytest.mark.parametrize(("key", "written", "value", "printed"), READ)
def test_a_value_is_read_and_printed_as_it_is_written(
    key: str, written: object, value: object, printed: object
) -> None:
    sample = read(None, **{key: written})
    assert getattr(sample, key) == value
    assert printed in (None, sample.model_dump(mode="json")[key])


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("duration", 5),
        ("positive", "0s"),
        ("size", 1.5),
        ("size", True),
        ("some", 0),
        ("address", "api.example.test"),
        ("address", "ftp://api.example.test"),
        ("address", "https://"),
        ("address", "https://api.example.test/a b"),
        ("address", "https://api.example.test:99999"),
        ("address", "https://127.1/"),
        ("address", 5),
        ("proxy", "http://proxy:3128/path"),
        ("proxy", "proxy:3128"),
        ("network", "10.0.0.1/8"),
        ("network", "10.0.0.0/40"),
        ("network", "*"),
        ("network", "*.internal"),
        ("network", "http://host"),
        ("network", "host:80"),
        ("network", "300.1.1.1"),
        ("network", ""),
        ("network", 5),
        ("listen", "9477"),
        ("listen", ":9477"),
        ("listen", "unix:relative/path"),
        ("listen", "unix:/run/"),
        ("listen", "unix:"),
        ("listen", "unix:/" + "x" * 107),
        ("listen", "::1:9477"),
        ("listen", "localhost:65536"),
        ("listen", "localhost:http"),
        ("listen", 9477),
        ("identifier", 4.0e14),
        ("identifier", True),
        ("identifier", -1),
        ("identifier", ""),
        ("identifier", "a\nb"),
        ("moment", "yesterday"),
        ("moment", 2020),
        ("moment", "9999-12-31T23:59:59-14:00"),
        ("path", ""),
        ("path", "a\0b"),
        ("path", 5),
        ("mode", 640),
        ("mode", "0888"),
        ("mode", "rw-r-----"),
        ("pattern", "("),
        ("pattern", 5),
        ("text", ""),
        ("text", "two\nlines"),
        ("text", 5),
        ("flag", "true"),
        ("flag", 1),
        ("number", "1"),
        ("number", True),
        ("number", 1.0),
        ("inner", []),
        ("inner", None),
    ],
)
def test_no_value_changes_its_type_or_is_bent_into_shape(key: str, written: object) -> None:
    assert [line.split(":")[0] for line in complaints(None, **{key: written})] == [key]


def test_an_unknown_key_names_the_nearest_one() -> None:
    assert complaints(nubmer=1) == ["nubmer: unknown key; did you mean number?"]


def test_an_unknown_key_like_no_other_names_none() -> None:
    assert complaints(zzzzz=1) == ["zzzzz: unknown key"]


def test_all_faults_are_reported_at_once() -> None:
    found = complaints(
        duration=1, nubmer=1, text="a", pattern="a", inner={"flg": 1, "flag": 1, "secret": "x"}
    )
    assert {line.split(":")[0] for line in found} == {
        "duration",
        "nubmer",
        "",
        "inner.flg",
        "inner.flag",
        "inner.secret",
    }


def test_options_are_frozen() -> None:
    with pytest.raises(ValidationError):
        read().number = 2  # type: ignore[misc]  # that is the claim


@pytest.mark.parametrize(
    ("address", "allow", "fine"),
    [
        ("https://api.example.test", [], True),
        ("http://api.example.test", [], False),
        ("http://api.example.test", ["api.example.test"], True),
        ("http://api.example.test", ["other.example.test"], False),
        ("http://127.0.0.1:8080", [], False),
        ("http://127.0.0.1:8080", ["127.0.0.0/8"], True),
        ("http://10.0.0.1", ["127.0.0.0/8"], False),
        ("https://10.0.0.1", [], False),
        ("https://10.0.0.1", ["10.0.0.0/8"], True),
        ("https://8.8.8.8", [], True),
        ("http://localhost:8080", ["127.0.0.0/8"], True),  # only the resolver knows
    ],
)
def test_an_address_obeys_network_allow(address: str, allow: list[str], fine: bool) -> None:
    around = Surroundings(policy=AddressPolicy.parse(allow))
    if fine:
        assert read(around, address=address).address == address
    else:
        assert "network.allow" in complaints(around, address=address)[0]


@pytest.mark.parametrize(
    "address",
    [
        f"https://user:{VALUE}@api.example.test",
        f"https://{VALUE}@api.example.test",
        f"https://api.example.test/?token={VALUE}",
        f"https://api.example.test/#{VALUE}",
    ],
)
@pytest.mark.parametrize("key", ["address", "proxy"])
def test_an_address_with_a_secret_in_it_is_refused_and_not_repeated(key: str, address: str) -> None:
    (found,) = complaints(None, **{key: address})
    assert VALUE not in found


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    (tmp_path / "token").write_text(f"{VALUE}\n")
    environ = {"TOKEN": VALUE, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    return Surroundings(environ=environ, directory=tmp_path)


SOURCES = [{"env": "TOKEN"}, {"file": "token"}, {"credential": "token"}]


@pytest.mark.parametrize("source", SOURCES)
def test_a_secret_is_read_from_its_source(source: dict[str, str], around: Surroundings) -> None:
    secret = read(around, inner={"secret": source}).inner.secret
    assert secret is not None
    assert secret.reveal() == VALUE


@pytest.mark.parametrize("source", SOURCES)
def test_a_secret_shows_its_source_and_never_itself(
    source: dict[str, str], around: Surroundings
) -> None:
    sample = read(around, inner={"secret": source})
    shown = f"{sample!r} {sample} {sample.model_dump_json()} {sample.inner.secret!s}"
    assert VALUE not in shown
    assert sample.model_dump(mode="json")["inner"]["secret"] == source | {"value": "***"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (VALUE, "a secret is not written here; expected {env: NAME}, {file: PATH} or"),
        (5, "a secret is not written here"),
        ([VALUE], "a secret is not written here"),
        ({}, "a secret is not written here"),
        ({"env": "TOKEN", "file": "token"}, "a secret is not written here"),
        ({VALUE: None}, "not a source of a secret"),
        ({"vault": "TOKEN"}, "not a source of a secret"),
        ({"env": 5}, "not a source of a secret"),
        ({"env": ""}, "not a source of a secret"),
        ({"env": "$" + VALUE}, "expected the name of an environment variable"),
        ({"env": "NOPE"}, "the environment variable NOPE is not set"),
        ({"env": "EMPTY"}, "is empty"),
        ({"env": "LINES"}, "holds a line break"),
        ({"file": "nope"}, "'nope' cannot be read: No such file"),
        ({"file": "."}, "'.' cannot be read: Is a directory"),
        ({"file": "binary"}, "'binary' cannot be read: it is not text"),
        ({"file": "huge"}, "holds more than 65536 characters"),
        ({"file": "a\0b"}, "cannot be read"),
        ({"credential": "../token"}, "expected the name of a systemd credential"),
        ({"credential": "nope"}, "'nope' cannot be read: No such file"),
    ],
)
def test_a_secret_that_cannot_be_had_is_refused_without_showing_it(
    written: object, said: str, around: Surroundings, tmp_path: Path
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff" + VALUE.encode())
    (tmp_path / "huge").write_text(VALUE * 10_000)
    around = Surroundings(
        environ={**around.environ, "EMPTY": "", "LINES": f"{VALUE}\n{VALUE}"},
        directory=around.directory,
    )
    (found,) = complaints(around, inner={"secret": written})
    assert said in found
    assert VALUE not in found


def test_a_credential_without_systemd_says_so() -> None:
    (found,) = complaints(inner={"secret": {"credential": "token"}})
    assert "$CREDENTIALS_DIRECTORY is not set" in found


def test_surroundings_do_not_show_the_environment(around: Surroundings) -> None:
    assert VALUE not in repr(around)


def test_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(VALUE))


def test_a_copy_of_a_secret_is_the_secret() -> None:
    assert copy.deepcopy(Secret(VALUE)).reveal() == VALUE


def test_secrets_differ_by_their_value() -> None:
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_every_loaded_secret_is_found_for_redaction() -> None:
    sample = Sample(inner=Inner(secret=Secret(VALUE)))
    assert secrets_of(sample) == {VALUE}


def test_criteria_reach_the_core_as_they_are_written() -> None:
    options = CriteriaOptions.model_validate(
        {
            "file_types": ["MP4"],
            "recording_types": ["gallery_view"],
            "meeting_ids": [81234567890, "/x=="],
            "topic": "plan",
            "min_duration": "5m",
        }
    )
    criteria = options.criteria()
    assert criteria.file_types == {"MP4"}
    assert criteria.recording_types == {"gallery_view"}
    assert criteria.meeting_ids == {"81234567890", "/x=="}
    assert criteria.topic == "plan"
    assert criteria.min_duration == timedelta(minutes=5)


class Told(Options):
    first: int = 1
    """What the first is for."""
    second: int = 2
    """What the second is for."""
    third: int = 3


class ToldAnew(Told):
    second: int = 22
    """What the second is for now.

    In two paragraphs.
    """


def told(model: type[Options]) -> dict[str, str | None]:
    """Return what the JSON Schema of `model` says of each key."""
    keys = model.model_json_schema()["properties"]
    return {name: key.get("description") for name, key in keys.items()}


def test_the_docstring_under_a_key_is_its_meaning() -> None:
    assert told(Told) == {
        "first": "What the first is for.",
        "second": "What the second is for.",
        "third": None,
    }


def test_a_key_that_is_declared_anew_has_the_new_meaning() -> None:
    assert told(ToldAnew) == {
        "first": "What the first is for.",
        "second": "What the second is for now.\n\nIn two paragraphs.",
        "third": None,
    }


def test_keys_without_source_have_no_meaning() -> None:
    assert told(create_model("Made", __base__=Told, fourth=(int, 4)))["fourth"] is None

"""Reading `reelkeep.yaml`: what is in force, and everything that is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from reelkeep.config_types.provider import ProviderOptions
from reelkeep.config_types.secrets import secrets_of
from reelkeep.core.addresses import Endpoint
from reelkeep.errors import ConfigError
from reelkeep.providers.adapter import Adapter
from reelkeep.providers.gotoassist.options import GoToAssistOptions
from reelkeep.providers.zoom.options import VideoSdkOptions, ZoomOptions
from reelkeep.settings.changes import resolved, schema
from reelkeep.settings.load import load, parse
from reelkeep.settings.model import Settings
from reelkeep.settings.problems import InvalidSettings

EXAMPLE = Path(__file__).parents[2] / "config" / "reelkeep.yaml"
MODELS: dict[str, type[ProviderOptions]] = {
    "gotoassist": GoToAssistOptions,
    "zoom": ZoomOptions,
    "zoom-videosdk": VideoSdkOptions,
}
ADAPTERS = {type_: Adapter(type_, model, lambda *_: None) for type_, model in MODELS.items()}
SECRETS = {"G2A_TOKEN": "t0k3n-g2a", "ZOOM_SECRET": "s3cr3t-zoom", "VSDK_SECRET": "s3cr3t-vsdk"}
PROVIDER = """
providers:
  - name: sdk
    type: zoom-videosdk
    api_key: key
    api_secret: {env: VSDK_SECRET}
"""


def read(directory: Path, text: str) -> Settings:
    path = directory / "reelkeep.yaml"
    path.write_text(text)
    return load(path, environ=SECRETS, adapters=ADAPTERS)


def refusal(directory: Path, text: str) -> InvalidSettings:
    with pytest.raises(InvalidSettings) as caught:
        read(directory, text)
    assert not any(secret in str(caught.value) for secret in SECRETS.values())
    return caught.value


def told(directory: Path, text: str) -> list[str]:
    """Return what is said of `text`, each as `LINE: path: message`."""
    said = str(refusal(directory, text)).splitlines()
    return [line.removeprefix(f"{directory / 'reelkeep.yaml'}:") for line in said]


# --- What holds ----------------------------------------------------------------------------------


def test_the_defaults_are_the_contracts(tmp_path: Path) -> None:
    settings = read(tmp_path, PROVIDER)
    shown = resolved(settings)
    del shown["providers"]
    assert shown == {
        "archive": {
            "path": "/var/lib/reelkeep/archive",
            "layout": "{provider}/{start:%Y/%m/%d}/{start:%H%M%S}-{title}-{key}",
            "file_name": "{stem}.{ext}",
            "timezone": "UTC",
            "min_free": "1GiB",
            "file_mode": "0640",
            "directory_mode": "0750",
            "format": "plain",
            "scrub": "30d",
        },
        "catalog": {"url": "sqlite:////var/lib/reelkeep/catalog.db"},
        "downloads": {
            "workers": 8,
            "per_host": 8,
            "queue_size": 500,
            "bandwidth": None,
            "segments": "auto",
            "connect_timeout": "15s",
            "stall_timeout": "1m",
            "stall_rate": "16KiB",
            "retry": {"base": "1s", "max": "5m", "attempts": 8},
        },
        "shutdown_grace": "20s",
        "network": {"proxy": None, "ca_file": None, "allow": []},
        "server": {"listen": "127.0.0.1:9477", "page": None},
        "log": {"level": "info", "format": "auto"},
    }


def test_relative_paths_start_at_the_configurations_directory(tmp_path: Path) -> None:
    settings = read(
        tmp_path, "archive: {path: kept}\ncatalog: {url: 'sqlite:///state/c.db'}" + PROVIDER
    )
    assert settings.archive.path == tmp_path / "kept"
    assert settings.catalog.path == tmp_path / "state" / "c.db"
    assert settings.catalog.url == f"sqlite:///{tmp_path}/state/c.db"


def test_an_absolute_catalog_stays_where_it_is(tmp_path: Path) -> None:
    settings = read(tmp_path, "catalog: {url: 'sqlite:////srv/c.db'}" + PROVIDER)
    assert settings.catalog.path == Path("/srv/c.db")


@pytest.mark.parametrize(
    ("written", "value"), [("off", "off"), ('"off"', "off"), ("auto", "auto"), ("4", 4)]
)
def test_segments_are_off_auto_or_a_number(tmp_path: Path, written: str, value: object) -> None:
    settings = read(tmp_path, f"downloads: {{segments: {written}}}" + PROVIDER)
    assert settings.downloads.segments == value


def test_the_server_can_be_turned_off(tmp_path: Path) -> None:
    assert read(tmp_path, "server: {listen: null}" + PROVIDER).server.listen is None


def test_the_server_listens_where_it_is_told(tmp_path: Path) -> None:
    settings = read(tmp_path, 'server: {listen: "[::1]:80"}' + PROVIDER)
    assert settings.server.listen == Endpoint("::1", 80)


def test_plain_http_is_taken_where_the_network_allows_it(tmp_path: Path) -> None:
    allowed = 'network: {allow: ["127.0.0.0/8"]}' + PROVIDER
    settings = read(tmp_path, allowed + "    api_url: http://127.0.0.1:8080/v2\n")
    (provider,) = settings.providers
    assert isinstance(provider, VideoSdkOptions)
    assert provider.api_url == "http://127.0.0.1:8080/v2"


# --- What is refused -----------------------------------------------------------------------------

EVERYTHING_WRONG = """\
archive:
  paths: /x
  min_free: 1 gigabyte
  layout: "../{title}"
  timezone: Europe/Nowhere
  file_mode: 0640
downloads:
  workers: "8"
  segments: on
  retry: {base: 5, attempts: 0}
network:
  allow: [127.0.0.1/8]
log: {level: inof}
sever: {}
catalog: {url: "postgres://u:t0k3n-g2a@host/db"}
providers:
  - name: support
    type: gotoassist
    since: 2020-13-01
    base_url: https://u:t0k3n-g2a@host/x
    auth: {acces_token: t0k3n-g2a, access_token: s3cr3t-zoom}
  - type: zom
  - name: support
    type: zoom
    client_id: 5
    client_secret: {env: NOPE}
    after_archive: trsh
    trash: rescu
  - s3cr3t-zoom
  - name: sdk
    type: zoom-videosdk
    api_secret: !s3cr3t-vsdk
    api_key: no
"""


def test_everything_that_is_wrong_is_told_at_once_with_line_path_and_remedy(
    tmp_path: Path,
) -> None:
    assert told(tmp_path, EVERYTHING_WRONG) == [
        "2: archive.paths: unknown key; did you mean path?",
        "3: archive.min_free: expected a size such as 64KiB, 10MB, 1GiB or 4096, got '1 gigabyte'",
        "4: archive.layout: no folder of a layout begins with a dot (also not . and ..)",
        (
            "5: archive.timezone: expected a time zone such as UTC or Europe/Berlin, "
            "got 'Europe/Nowhere'"
        ),
        "6: archive.file_mode: a number with a leading zero needs quotes",
        '8: downloads.workers: expected a whole number, got "8"',
        "9: downloads.segments: expected off, auto or a number from 1 to 64",
        "10: downloads.retry.base: expected a duration such as 30s, 5m, 2h, 7d or 250ms, got 5",
        "10: downloads.retry.attempts: expected at least 1, got 0",
        "12: network.allow[0]: expected a network; did you mean 127.0.0.0/8?",
        '13: log.level: expected debug or info or warning or error, got "inof"; did you mean info?',
        "14: sever: unknown key; did you mean server?",
        (
            "15: catalog.url: expected sqlite:////absolute/path or sqlite:///relative/path: "
            "this release keeps its catalog in SQLite only"
        ),
        "17: providers[0]: expected at least one of account_key, user_key, company_id, got none",
        "19: providers[0].since: no valid timestamp; text needs quotes",
        (
            "20: providers[0].base_url: expected an address such as https://api.example.test/v2: "
            "the address holds a user or a password"
        ),
        "21: providers[0].auth.acces_token: unknown key; did you mean access_token?",
        (
            "21: providers[0].auth.access_token: a secret is not written here; "
            "expected {env: NAME}, {file: PATH} or {credential: NAME}"
        ),
        (
            "22: providers[1].type: expected one of gotoassist, zoom, zoom-videosdk; "
            "got 'zom'; did you mean zoom?"
        ),
        "23: providers[2].name: expected a unique name, but providers[0] has it already",
        "23: providers[2].account_id: this key is missing, and has no default",
        "25: providers[2].client_id: expected text, got 5; put it in quotes",
        "26: providers[2].client_secret: the environment variable NOPE is not set",
        '27: providers[2].after_archive: expected keep or trash, got "trsh"; did you mean trash?',
        '28: providers[2].trash: expected ignore or rescue, got "rescu"; did you mean rescue?',
        "29: providers[3]: expected a mapping that begins with name: and type:",
        "32: providers[4].api_secret: tags (!) are not used here",
        "33: providers[4].api_key: expected text, got false; put it in quotes",
    ]


def test_no_secret_is_told_when_everything_is_wrong(tmp_path: Path) -> None:
    error = refusal(tmp_path, EVERYTHING_WRONG)
    told = f"{error} {error!r} {error.problems!r} {error.__context__!r} {error.__cause__!r}"
    assert not any(secret in told for secret in SECRETS.values())


def test_the_problems_can_be_counted(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a: 1\nb: 2" + PROVIDER)
    assert [(p.path, p.line) for p in error.problems] == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: providers: this key is missing, and has no default"),
        ("log: {level: info}", "1: providers: this key is missing, and has no default"),
        ("providers: []", "1: providers: expected at least one provider, got none"),
        ("providers:", "1: providers: expected a list, got nothing"),
        ("providers: {}", "1: providers: expected a list, got a mapping"),
        ("- a", "1: expected keys and values, got a list"),
        ("text", "1: expected keys and values, got text"),
        ("null", "1: expected keys and values, got nothing"),
        ("log:" + PROVIDER, "1: log: expected keys and values, got nothing"),
        ("log: {}\nlog: {}" + PROVIDER, "2: log: this key is there already, in line 1"),
        ("1: x" + PROVIDER, "1: expected keys that are words"),
        ("? [a]\n: x" + PROVIDER, "1: expected keys that are words"),
        ("log: {<<: {level: info}}" + PROVIDER, "1: log: expected keys that are words"),
        ("log: &a [*a]" + PROVIDER, "1: this expands without end, or nearly: see the aliases (*)"),
        ("log: !!python/name:os.system x" + PROVIDER, "1: log: tags (!) are not used here"),
        ("log: !!set {a}" + PROVIDER, "1: log: tags (!) are not used here"),
        ("log: {level: !!binary aGk=}" + PROVIDER, "1: log.level: tags (!) are not used here"),
        ("log: {level: !!int x}" + PROVIDER, "1: log.level: no valid int; text needs quotes"),
        ("a: 1\n---\nb: 1", "2: not YAML: expected a single document in the stream, "),
        ("log: {level: info", "1: not YAML: while parsing a flow mapping, expected ',' or '}', "),
        ("log:\n\tlevel: info", "2: not YAML: while scanning for the next token, found character "),
        ("log: 't0k3n-g2a", "1: not YAML: while scanning a quoted scalar, found unexpected end"),
        ("log: *t0k3n-g2a\n", "1: not YAML: found undefined alias '…'"),
        ("log: !t0k3n!x y", "1: not YAML: while parsing a node, found undefined tag handle"),
        ("\x07", "1: not YAML: it holds a control character"),
        ("[" * 100_000, "1: not YAML: this is nested too deeply"),
        ("# " + "x" * 2**20, "1: expected a configuration of at most 1048576 bytes, got more"),
        ("shutdown_grace: 1:30" + PROVIDER, "1: shutdown_grace: expected a duration such as "),
        ("downloads: {workers: 010}" + PROVIDER, "1: downloads.workers: a number with a leading"),
        (
            "downloads: {workers: " + "9" * 5000 + "}" + PROVIDER,
            "1: downloads.workers: no valid int",
        ),
        ("downloads: {segments: 0}" + PROVIDER, "1: downloads.segments: expected off, auto or"),
        ("downloads: {segments: 65}" + PROVIDER, "1: downloads.segments: expected off, auto or"),
        ("archive: {file_mode: '0440'}" + PROVIDER, "1: archive.file_mode: expected a mode that"),
        ("archive: {directory_mode: '0640'}" + PROVIDER, "1: archive.directory_mode: expected a"),
        ("archive: {scrub: 2h}" + PROVIDER, "1: archive.scrub: expected 1d or more, got 2h"),
        ("archive: {timezone: ../../etc/passwd}" + PROVIDER, "1: archive.timezone: expected a"),
        ("network: {ca_file: nope.pem}" + PROVIDER, "1: network.ca_file: expected a file, but"),
        ("catalog: {url: 'sqlite://'}" + PROVIDER, "1: catalog.url: expected sqlite:////abs"),
        ("catalog: {url: 'sqlite:///:memory:'}" + PROVIDER, "1: catalog.url: expected the path"),
        ("catalog: {url: 'sqlite:///x?mode=ro'}" + PROVIDER, "1: catalog.url: expected a path wi"),
        ("providers: [{name: a}]", "1: providers[0].type: expected one of gotoassist, zoom, zoo"),
        ("providers: [{name: a, type: [zoom]}]", "1: providers[0].type: expected one of gotoass"),
        (PROVIDER + "    api_url: http://h.test\n", "7: providers[0].api_url: expected https to a"),
        (PROVIDER + "    'a b\x1b': 1\n".replace("\x1b", "é"), "7: providers[0].(odd key): unkno"),
    ],
)
def test_it_is_told_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    assert any(line.startswith(said) for line in told(tmp_path, text)), told(tmp_path, text)


def test_what_could_not_be_read_is_told_once(tmp_path: Path) -> None:
    assert len(told(tmp_path, "archive: {file_mode: 0640}" + PROVIDER)) == 1


def test_an_address_is_told_although_its_provider_is_wrong_otherwise(tmp_path: Path) -> None:
    text = "log: 5" + PROVIDER + "    api_url: http://h.test\n    x: 1\n"
    assert [line.split(": ")[1] for line in told(tmp_path, text)] == [
        "log",
        "providers[0].api_url",
        "providers[0].x",
    ]


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "reelkeep.yaml"
    path.write_bytes(b"log: {}\n# \xff")
    with pytest.raises(InvalidSettings, match="text in UTF-8; line 2 is not"):
        load(path, environ={}, adapters=ADAPTERS)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, environ={}, adapters=ADAPTERS)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_problems(content: bytes) -> None:
    document = parse(content)
    assert document.problems or document.values is None or document.lines


@given(st.text(alphabet="{}[]:,-?!&*#|>'\"%@` \nab01", max_size=60))
def test_nothing_that_looks_like_yaml_raises_anything_but_problems(text: str) -> None:
    document = parse(text.encode())
    assert document.problems or document.values is None or document.lines


# --- The example, what is shown, and the schema --------------------------------------------------


@pytest.fixture
def example() -> Settings:
    return load(EXAMPLE, environ=SECRETS, adapters=ADAPTERS)


def test_the_example_is_valid(example: Settings) -> None:
    assert [provider.name for provider in example.providers] == ["support", "meetings", "sdk"]


def test_the_example_shows_the_defaults(example: Settings, tmp_path: Path) -> None:
    plain, shown = (resolved(settings) for settings in (read(tmp_path, PROVIDER), example))
    assert plain | {"providers": []} == shown | {"providers": []}


@pytest.mark.parametrize("index", range(3))
def test_an_accounts_example_shows_the_defaults(example: Settings, index: int) -> None:
    entry = example.providers[index]
    for name, field in type(entry).model_fields.items():
        if not field.is_required() and name not in ("account_key", "auth"):
            assert getattr(entry, name) == field.get_default(), name


@pytest.mark.parametrize("model", [Settings, *MODELS.values()])
def test_every_option_is_in_the_example(model: type[BaseModel]) -> None:
    text = EXAMPLE.read_text()
    for name in _keys(model):
        assert re.search(rf"^ *(- |# )?{name}:", text, re.MULTILINE), name


def test_what_is_commented_out_in_the_example_is_valid_too(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    text = re.sub(r"^      access_token: .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^( +)# (\w+: )", r"\1\2", text, flags=re.MULTILINE)
    (tmp_path / "goto").write_text("s3cr3t-goto\n")
    text = text.replace("/run/secrets/goto-client", "goto").replace(
        "credential: goto-ref", "file: goto #"
    )
    text = re.sub(r"\{file: goto #.*", "{file: goto}", text)
    support = read(tmp_path, text).providers[0]
    assert isinstance(support, GoToAssistOptions)
    assert support.company_id == "51001"
    assert support.auth.client_secret is not None


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys(kind)


def test_what_is_shown_holds_no_secret(example: Settings) -> None:
    shown = json.dumps(resolved(example)) + repr(example)
    assert not any(secret in shown for secret in SECRETS.values())
    assert json.dumps({"env": "ZOOM_SECRET", "value": "***"}) in shown


def test_what_is_shown_means_the_same_when_it_is_read(example: Settings, tmp_path: Path) -> None:
    shown = json.dumps(resolved(example)).replace(', "value": "***"', "")
    assert read(tmp_path, shown) == example


def test_all_secrets_are_known_for_redaction(example: Settings) -> None:
    assert secrets_of(example) == set(SECRETS.values())


@pytest.fixture
def described() -> dict[str, Any]:
    return schema(ADAPTERS)


def _as_editors_read(path: Path) -> Any:
    return json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))


def test_the_schema_is_one(described: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(described)


def test_the_example_satisfies_the_schema(described: dict[str, Any]) -> None:
    jsonschema.validate(_as_editors_read(EXAMPLE), described)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("archive", "pth", "/x"),
        ("archive", "min_free", "1 gigabyte"),
        ("downloads", "stall_timeout", "60 s"),
        ("downloads", "segments", 0),
        ("log", "level", "inof"),
        ("server", "listen", 9477),
    ],
)
def test_the_schema_refuses_what_is_wrong(
    described: dict[str, Any], section: str, key: str, value: object
) -> None:
    document = _as_editors_read(EXAMPLE)
    document[section][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, described)


def test_the_schema_refuses_a_bare_secret(described: dict[str, Any]) -> None:
    document = _as_editors_read(EXAMPLE)
    document["providers"][1]["client_secret"] = "bare"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, described)


def test_the_schema_tells_providers_apart_by_their_type(described: dict[str, Any]) -> None:
    shapes = described["properties"]["providers"]["items"]["oneOf"]
    names = [shape["$ref"].rpartition("/")[2] for shape in shapes]
    types = [described["$defs"][name]["properties"]["type"]["const"] for name in names]
    assert types == sorted(MODELS)


def test_the_schema_describes_every_key(described: dict[str, Any]) -> None:
    for model in [described, *described["$defs"].values()]:
        for name, key in model["properties"].items():
            behind = described["$defs"].get(key.get("$ref", "").rpartition("/")[2], {})
            assert key.get("description") or behind.get("description"), name


def test_the_schema_gives_defaults_as_they_are_written(described: dict[str, Any]) -> None:
    downloads = described["$defs"]["DownloadOptions"]["properties"]
    assert (downloads["stall_timeout"]["default"], downloads["stall_rate"]["default"]) == (
        "1m",
        "16KiB",
    )


def test_a_retry_waits_a_second_first(tmp_path: Path) -> None:
    assert read(tmp_path, PROVIDER).downloads.retry.base == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ({"token": {"file": "short"}}, "at least 16 characters"),
        ({"token": "written-here-itself"}, "a secret is not written here"),
        ({}, "token"),
        ({"token": {"file": "good"}, "base_path": "tapes"}, "expected a path such as /"),
        ({"token": {"file": "good"}, "base_path": "/a//b"}, "expected a path such as /"),
        ({"token": {"file": "good"}, "media": "maybe"}, "media"),
        ({"token": {"file": "missing"}}, "cannot be read"),
    ],
)
def test_a_page_that_cannot_be_is_refused(
    tmp_path: Path, page: dict[str, object], words: str
) -> None:
    (tmp_path / "short").write_text("fifteen-letters")
    (tmp_path / "good").write_text("sixteen-letters!")
    with pytest.raises(ConfigError, match=re.escape(words)):
        read(tmp_path, PROVIDER + yaml.safe_dump({"server": {"page": page}}))


def test_a_page_has_a_token_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("sixteen-letters!\n")
    settings = read(
        tmp_path, PROVIDER + yaml.safe_dump({"server": {"page": {"token": {"file": "good"}}}})
    )
    assert settings.server.page is not None
    assert settings.server.page.token.reveal() == "sixteen-letters!"
    assert resolved(settings)["server"]["page"]["token"] == {"file": "good", "value": "***"}

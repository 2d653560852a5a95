"""Commands that only read make and change nothing, whoever runs them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest

import forked
from integration.test_cli import PROGRAM
from reelkeep.cli.invocation import locate_file
from reelkeep.errors import ConfigError
from reelkeep.settings import problems

CONFIGURATION = """\
archive: {path: archive, min_free: 0}
catalog: {url: "sqlite:///state/catalog.db"}
server: {listen: null}
providers:
  - {name: sdk, type: zoom-videosdk, api_key: k, api_secret: {env: SECRET}, enabled: true,
     api_url: "http://127.0.0.1:1"}
network: {allow: [127.0.0.0/8]}
"""

READERS = {
    "status": 0, "status --json": 0, "list": 0, "list --json": 0, "show x": 1, "export": 0,
    "export --format csv": 0, "verify": 0, "verify --json": 0, "doctor --offline": 1, "logs": 0,
    "schema": 0, "retry --failed": 1, "waive x": 1,
}  # fmt: skip
ASKING = {"check": 0, "plan": 1, "audit": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "reelkeep.yaml").write_text(CONFIGURATION)
    return tmp_path


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


def run(folder: Path, call: str, *, anew: bool = False, **more: str | None) -> Ran:
    """Run a command; if it must start anew it is not forked."""
    kept = {key: value for key, value in os.environ.items() if key != "SECRET"}
    environ = kept | {key: value for key, value in more.items() if value is not None}
    arguments = ["-c", str(folder / "reelkeep.yaml"), *call.split()]
    if anew:
        begun = [*PROGRAM, *arguments]
        done = subprocess.run(begun, cwd="/", env=environ, capture_output=True, check=False)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    ran = forked.run_here(arguments, cwd=Path("/"), env=environ)
    return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("call", [*READERS, *ASKING])
def test_the_first_command_on_a_host_makes_nothing(folder: Path, call: str) -> None:
    secret = "s3cr3t" if call in ASKING else None
    ran = run(folder, call, SECRET=secret)
    assert ran.returncode == (READERS | ASKING)[call], ran.stderr
    assert tree(folder) == ["reelkeep.yaml"]


@pytest.mark.parametrize("call", ["status", "list", "show x", "export", "verify", "retry --failed"])
def test_a_catalog_that_is_not_there_yet_is_said_with_its_place(folder: Path, call: str) -> None:
    assert f"{folder}/state/catalog.db" in run(folder, call).stderr


@pytest.mark.parametrize("call", ["status", "list", "show x", "export", "verify", "backup b"])
def test_what_asks_no_provider_needs_no_secret(folder: Path, call: str) -> None:
    begin(folder)
    assert "SECRET" not in run(folder, call).stderr


@pytest.mark.parametrize("call", ["check", "sync", "plan", "audit", "run"])
def test_what_asks_a_provider_says_which_secret_is_missing(folder: Path, call: str) -> None:
    ran = run(folder, call)
    assert ran.returncode == 78
    assert "the environment variable SECRET is not set" in ran.stderr


def test_the_doctor_looks_at_the_rest_where_a_secret_is_missing(folder: Path) -> None:
    begin(folder)
    found = json.loads(run(folder, "doctor --offline --json").stdout)
    subjects = {check["subject"]: check["grade"] for check in found["checks"]}
    assert subjects["configuration"] == "fail"
    assert subjects["catalog"] == "ok"


def begin(folder: Path) -> None:
    from reelkeep.catalog.database import open_engine
    from reelkeep.catalog.schema import prepare

    engine = open_engine(f"sqlite:///{folder / 'state' / 'catalog.db'}")
    prepare(engine)
    with closing(sqlite3.connect(folder / "state" / "catalog.db")) as catalog:
        catalog.execute(
            "INSERT INTO recording (provider, id, key, state, readiness, deadline, facts,"
            " first_seen) VALUES ('sdk', 'known', '0123456789abcdef', 'open', 'ready',"
            " '9999-01-01', '{}', '2026-01-01 00:00:00.000000')"
        )
        catalog.commit()
    engine.dispose()


@pytest.mark.parametrize("beside", ["nothing", "a log", "a log without its index"])
@pytest.mark.parametrize("call", ["status --json", "list --json", "export", "show known --json"])
def test_a_catalog_on_read_only_media_is_read_whole(folder: Path, beside: str, call: str) -> None:
    begin(folder)
    state = folder / "state"
    with closing(sqlite3.connect(state / "catalog.db")) as catalog:
        catalog.execute("UPDATE recording SET title = 'late'")
        catalog.commit()
        kept = {path.name: path.read_bytes() for path in state.iterdir()}
    shutil.rmtree(state)
    state.mkdir()
    for name, content in kept.items():
        (state / name).write_bytes(content)
    if beside != "a log":
        (state / "catalog.db-shm").unlink(missing_ok=True)
    if beside == "nothing":
        merge(state / "catalog.db")
    with read_only(state):
        before = tree(folder)
        ran = run(folder, call)
        assert ran.returncode == 0, ran.stderr
        assert tree(folder) == before
    if not call.startswith("status"):
        assert "late" in ran.stdout
    assert "catalog.read_only" in ran.stderr


def merge(catalog: Path) -> None:
    with closing(sqlite3.connect(catalog)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Mount `folder` over itself, read-only."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount")
    if subprocess.run(["mount", "--bind", folder, folder], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


# --- surroundings --------------------------------------------------------------------------------


def test_a_configuration_here_that_cannot_be_looked_at_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(ConfigError, match="no configuration: --config is not given"):
        locate_file(None, {})
    with pytest.raises(ConfigError, match="cannot access"):
        locate_file("/private/r.yaml", {})


@pytest.mark.parametrize("call", ["status", "list", "check", "doctor --offline", "backup {0}/b.db"])
def test_a_working_directory_that_was_removed_is_no_fault(folder: Path, call: str) -> None:
    begin(folder)
    gone = folder / "gone"
    words = shlex.join(
        [*PROGRAM, "-c", str(folder / "reelkeep.yaml"), *call.format(folder).split()]
    )
    ran = subprocess.run(
        ["sh", "-c", f"mkdir {gone} && cd {gone} && rmdir {gone} && exec {words}"],
        env=os.environ | {"SECRET": "s3cr3t"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("where", ["/nonexistent", "/proc"])
@pytest.mark.parametrize("call", ["status", "list", "check", "doctor --offline", "verify", "plan"])
def test_home_and_tmpdir_are_not_needed(folder: Path, call: str, where: str) -> None:
    begin(folder)
    ran = run(folder, call, SECRET="s3cr3t", HOME=where, TMPDIR=where)
    assert ran.returncode in (0, 1), ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("locale", ["C", "POSIX", "xx_XX.UTF-8"])
def test_names_beyond_ascii_need_no_locale(tmp_path: Path, locale: str) -> None:
    folder = tmp_path / "Prüfung-測試"
    folder.mkdir()
    (folder / "reelkeep.yaml").write_text(CONFIGURATION.replace("archive,", "Ärchiv,"), "utf-8")
    begin(folder)
    ran = run(folder, "status --json", anew=True, LC_ALL=locale)
    assert json.loads(ran.stdout)["archive"] == str(folder / "Ärchiv")


def test_a_host_without_zone_data_has_that_of_the_package(folder: Path) -> None:
    text = CONFIGURATION.replace("min_free: 0", "min_free: 0, timezone: Europe/Berlin")
    (folder / "reelkeep.yaml").write_text(text)
    assert run(folder, "check", anew=True, SECRET="s3cr3t", PYTHONTZPATH="").returncode == 0


def test_no_zone_data_at_all_is_not_called_a_wrong_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr(problems, "ZoneInfo", unknown)
    monkeypatch.setattr(problems, "available_timezones", set)
    with pytest.raises(ValueError, match="package tzdata"):
        problems.known_timezone("Europe/Berlin")


def test_a_proxy_that_only_the_environment_knows_is_pointed_out(folder: Path) -> None:
    ran = run(folder, "doctor --offline", SECRET="s3cr3t", HTTPS_PROXY="http://proxy:3128")
    assert "HTTPS_PROXY is set; reelkeep does not use it" in " ".join(ran.stdout.split())
    ran = run(folder, "check --online", SECRET="s3cr3t", HTTPS_PROXY="http://proxy:3128")
    assert "HTTPS_PROXY is set; reelkeep does not use it" in ran.stderr


# --- a start that is refused ---------------------------------------------------------------------


def test_a_refused_start_is_an_event_for_each_problem(folder: Path) -> None:
    (folder / "reelkeep.yaml").write_text("archiv: {}\nproviders: []\n")
    ran = run(folder, "run")
    events = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    assert ran.returncode == 78
    assert [event["event"] for event in events] == ["config.invalid"] * 2
    assert [event["line"] for event in events] == [1, 2]


def test_a_secret_whose_file_is_not_there_yet_lets_systemd_try_again(folder: Path) -> None:
    text = CONFIGURATION.replace("{env: SECRET}", "{file: secret}")
    (folder / "reelkeep.yaml").write_text(text)
    assert run(folder, "run").returncode == 1
    assert run(folder, "check").returncode == 78

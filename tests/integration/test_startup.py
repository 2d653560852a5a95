"""What commands import: each only what it uses, for imports are most of a short run."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.starting import start
from reelkeep.catalog.database import open_engine
from reelkeep.catalog.schema import prepare

CONFIGURATION = """\
archive: {path: archive, min_free: 0}
catalog: {url: "sqlite:///state/catalog.db"}
server: {listen: null}
providers:
  - {name: idle, type: zoom-videosdk, api_key: k, api_secret: {env: SECRET}, enabled: false}
"""

NEVER = {
    "alembic",  # the catalog is new, or as it should be
    "reelkeep.cli.demo",
    "reelkeep.simulator",
    "sqlalchemy.dialects.postgresql",
}
"""What only migrations, the demo and tests need, or nobody."""

DAEMON = {"aiohttp.web", "prometheus_client", "reelkeep.app.daemon", "sdnotify"}
ASKING = {"aiohttp", "jwt", "reelkeep.providers.zoom.client", "reelkeep.stages.download"}
LOGGING = {"pygments", "structlog"}
CATALOG = {"sqlalchemy", "sqlite3"}
ARCHIVE = {"aiofiles", "reelkeep.archive"}
LOOKING = NEVER | DAEMON | ASKING | LOGGING


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which there is nothing to do."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "reelkeep.yaml").write_text(CONFIGURATION)
    begin(folder)
    (folder / "health.yaml").write_text("server: {listen: 127.0.0.1:1}\n")
    imported("sync", folder)  # the first start logs what the file system can do
    return folder


def begin(folder: Path) -> None:
    """Make an empty catalog: commands that only look make none."""
    engine = open_engine(f"sqlite:///{folder / 'state' / 'catalog.db'}")
    prepare(engine)
    engine.dispose()


def imported(arguments: str, place: Path, *, code: int = 0) -> set[str]:
    """Return the modules that a command imports, and the packages that they are in."""
    program = [sys.executable, "-X", "importtime", "-m", "reelkeep.cli"]
    ran = subprocess.run(
        [*program, *arguments.split()],
        cwd=place,
        env={**os.environ, "SECRET": "s3cr3t"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == code, ran.stderr[-2000:]
    lines = ran.stderr.splitlines()[1:]
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def test_to_ask_for_health_takes_next_to_nothing(place: Path) -> None:
    """It is asked every half minute, for years."""
    needless = LOOKING | ARCHIVE | CATALOG | {"anyio", "pydantic", "reelkeep.settings", "rich"}
    assert needless & imported("-c health.yaml health", place, code=1) == set()


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        ("sync", NEVER | DAEMON | LOGGING | {"jwt"}),
        ("status", LOOKING),
        ("status --json", LOOKING | {"rich"}),
        ("list", LOOKING | ARCHIVE | {"rich.console"}),
        ("logs --explain file.failed", LOOKING | ARCHIVE | CATALOG | {"anyio", "pydantic", "rich"}),
        ("list --json", LOOKING | ARCHIVE),
        ("retry --failed --json", LOOKING | ARCHIVE | {"rich"}),
        ("verify --json", LOOKING),
        ("doctor --offline --json", NEVER | DAEMON | LOGGING | {"aiohttp", "jwt", "rich"}),
        ("check --json", LOOKING | ARCHIVE | CATALOG | {"anyio", "rich"}),
    ],
)
def test_a_command_imports_nothing_that_it_does_not_use(
    arguments: str, needless: set[str], place: Path
) -> None:
    assert needless & imported(arguments, place) == set()


def test_a_backup_imports_nothing_that_it_does_not_use(place: Path) -> None:
    needless = LOOKING | ARCHIVE | {"rich", "sqlalchemy"}
    assert needless & imported("backup copy.db --json", place) == set()


@pytest.mark.parametrize("name", sorted(LOOKING | ARCHIVE | CATALOG | {"anyio", "rich.console"}))
def test_what_shall_not_be_imported_can_be(name: str) -> None:
    """Else the test above would not notice that something has another name by now."""
    assert find_spec(name) is not None


def test_a_daemon_without_a_server_imports_neither_server_nor_metrics() -> None:
    code = (
        "import sys, reelkeep.app.daemon\n"
        "sys.exit(', '.join({'aiohttp.web', 'prometheus_client'} & sys.modules.keys()) or None)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_start_can_be_measured(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cr3t")
    figures = start(place / "reelkeep.yaml", linger=0)
    assert figures["seconds"] >= figures["cpu"] / 2 > 0
    assert 10 < figures["mib"] < 1000

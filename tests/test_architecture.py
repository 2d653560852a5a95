"""The rules of the house that a program can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelkeep.core.events import EVENTS

ROOT = Path(__file__).parent.parent
DAEMON = ROOT / "daemon"
MODULES = sorted(DAEMON.rglob("*.py"))

LONGEST_MODULE = 300

REGISTRIES = re.compile(
    r"https?://[^\s\"'<>]*(?:pypi|pythonhosted|/simple\b|artifactory|nexus|jfrog|devpi)"
    r"|(?:extra-)?index-url|find-links|trusted-host"
)
MACHINE_PATHS = re.compile(r"/(?:root|home/[a-z]\w*|Users/\w+|work)/[\w.]")
BINARY = {".png", ".jpg", ".mp4", ".m4a", ".gz", ".ico"}

FORBIDDEN_OUTSIDE = {"aiohttp": {"transport", "telemetry", "simulator"}}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked() -> list[Path]:
    """Return the files of the project: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    names = listed.stdout.decode().split("\0")
    # outside of a repository, or in another user's, whatever is not hidden
    paths = [ROOT / name for name in names if name] or list(visible_files())
    return [path for path in paths if path.is_file() and path.suffix not in BINARY]


def visible_files() -> Iterator[Path]:
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield path


def imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def reported(module: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield name and keys of each event that `module` reports by name."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args or not _is_report(node.func):
            continue
        for name in _texts(node.args[0]):
            yield name, {keyword.arg for keyword in node.keywords if keyword.arg}


def _is_report(func: ast.expr) -> bool:
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return name.lstrip("_") == "report"


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an argument can be: a literal, or either side of a condition."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def texts(module: Path) -> Iterator[str]:
    """Yield every text literal of `module`: an event's name may also wait in a table."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_import_contracts_are_kept() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_module_is_too_long() -> None:
    lengths = {place(each): each.read_text("utf-8").count("\n") for each in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}


@pytest.mark.parametrize("package", FORBIDDEN_OUTSIDE)
def test_a_library_stays_where_it_belongs(package: str) -> None:
    """Also within layers that import-linter lets reach it through others."""
    homes = FORBIDDEN_OUTSIDE[package]
    strays = [
        place(module)
        for module in MODULES
        if module.relative_to(DAEMON / "reelkeep").parts[0] not in homes
        and any(name.split(".")[0] == package for name in imports(module))
    ]
    assert strays == []


def test_every_event_in_the_code_is_listed_with_its_keys() -> None:
    unlisted = [
        (place(module), name, sorted(keys - set(EVENTS[name].keys) if name in EVENTS else keys))
        for module in MODULES
        for name, keys in reported(module)
        if name not in EVENTS or keys - set(EVENTS[name].keys)
    ]
    assert unlisted == []


def test_every_listed_event_is_used() -> None:
    """Said by the code, that is: neither listed nor counted only."""
    silent = {DAEMON / "reelkeep/core/events.py", DAEMON / "reelkeep/telemetry/metrics.py"}
    said = {text for module in MODULES if module not in silent for text in texts(module)}
    assert sorted(EVENTS.keys() - said) == []


def test_no_file_names_a_registry_or_a_machine() -> None:
    """Nobody's mirror or home directory is part of the project."""
    found = [
        f"{place(path)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if REGISTRIES.search(line) or MACHINE_PATHS.search(line)
    ]
    assert found == []

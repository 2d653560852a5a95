"""The rules of the house that a program can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pytest

from reelkeep.core.events import EVENTS

ROOT = Path(__file__).parent.parent
DAEMON = ROOT / "daemon"
MODULES = sorted(DAEMON.rglob("*.py"))

LONGEST_MODULE = 500

REGISTRIES = re.compile(
    r"https?://[^\s\"'<>]*(?:pypi|pythonhosted|/simple\b|artifactory|nexus|jfrog|devpi)"
    r"|(?:extra-)?index-url|find-links|trusted-host"
)
MACHINE_PATHS = re.compile(r"/(?:root|home/[a-z]\w*|Users/\w+|work)/[\w.]")
BINARY = {".png", ".jpg", ".mp4", ".m4a", ".gz", ".ico"}

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

Keys = frozenset[str]

FORBIDDEN_OUTSIDE = {"aiohttp": {"transport", "telemetry", "page", "simulator"}}


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


@dataclass(frozen=True, slots=True)
class Said:
    """One call that reports an event; `open`: what it adds by `**` cannot be told from here."""

    event: str
    keys: frozenset[str]
    open: bool


@cache
def reported(module: Path) -> tuple[Said, ...]:
    """Return each report of an event by name in `module`."""
    return tuple(said_in(ast.parse(module.read_text(encoding="utf-8"))))


def said_in(
    tree: ast.AST, bound: Mapping[str, Keys | None] = MappingProxyType({})
) -> Iterator[Said]:
    """Yield what `tree` reports; `bound` has the keys of the dicts that its names stand for."""
    for node in ast.iter_child_nodes(tree):
        inner = {**bound, **dicts_of(node)} if isinstance(node, FUNCTIONS) else bound
        if isinstance(node, ast.Call) and node.args and _is_report(node.func):
            parts = [_added(keyword, inner) for keyword in node.keywords]
            keys = frozenset[str]().union(*(part for part in parts if part is not None))
            for name in _texts(node.args[0]):
                yield Said(name, keys, open=None in parts)
        yield from said_in(node, inner)


def dicts_of(function: ast.AST) -> dict[str, Keys | None]:
    """Return the names that `function` sets to dicts with plain keys; None where it is not so."""
    found: dict[str, Keys | None] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            keys = _keys(node.value, found)
            for target in targets:
                if isinstance(target, ast.Name):
                    found[target.id] = _union([found.get(target.id, Keys()), keys])
    return found


def _added(keyword: ast.keyword, bound: Mapping[str, Keys | None]) -> Keys | None:
    return _keys(keyword.value, bound) if keyword.arg is None else frozenset({keyword.arg})


def _keys(node: ast.expr | None, bound: Mapping[str, Keys | None]) -> Keys | None:
    """Return the keys of the dict that `node` is, None if they cannot be told."""
    match node:
        case ast.Name(id=name):
            return bound.get(name)
        case ast.IfExp(body=body, orelse=orelse):
            return _union([_keys(body, bound), _keys(orelse, bound)])
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([_keys(left, bound), _keys(right, bound)])
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return _union([_keys(v, bound) if k is None else _text(k) for k, v in pairs])
        case _:
            return None


def _text(node: ast.expr) -> Keys | None:
    plain = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return frozenset(_texts(node)) if plain else None


def _union(parts: Sequence[Keys | None]) -> Keys | None:
    known = [part for part in parts if part is not None]
    return frozenset[str]().union(*known) if len(known) == len(parts) else None


def _is_report(func: ast.expr) -> bool:
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return name.lstrip("_") in {"report", "log"}


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
        (place(module), said.event, sorted(said.keys - listed_keys(said.event)))
        for module in MODULES
        for said in reported(module)
        if said.event not in EVENTS or said.keys - listed_keys(said.event)
    ]
    assert unlisted == []


def listed_keys(event: str) -> set[str]:
    return set(EVENTS[event].keys) if event in EVENTS else set()


def test_every_listed_key_is_sent_somewhere() -> None:
    """Of events that are reported by name, and never with keys that only another part knows."""
    sent: dict[str, set[str]] = {}
    unclear = set[str]()
    for said in (said for module in MODULES for said in reported(module)):
        sent.setdefault(said.event, set()).update(said.keys)
        if said.open:
            unclear.add(said.event)
    lacking = {event: listed_keys(event) - keys for event, keys in sent.items()}
    assert {name: keys for name, keys in lacking.items() if keys and name not in unclear} == {}


def test_keys_are_followed_through_a_dict() -> None:
    (said,) = said_in(ast.parse('def f():\n w = {"a": 1}\n report("x.y", **w, b=2)'))
    assert said == Said("x.y", frozenset({"a", "b"}), open=False)


def test_keys_that_come_from_elsewhere_are_left_open() -> None:
    (said,) = said_in(ast.parse('def f(w):\n self.log("x.y", **w, b=2)'))
    assert said == Said("x.y", frozenset({"b"}), open=True)


def test_every_listed_event_is_used() -> None:
    """Said by the code, that is: neither listed nor counted nor explained only."""
    about = ("metrics", "conditions", "runbook", "alerts")
    silent = {DAEMON / "reelkeep/telemetry" / f"{name}.py" for name in about}
    silent.add(DAEMON / "reelkeep/core/events.py")
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


def test_no_public_class_has_the_name_of_another() -> None:
    found: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(str(path.relative_to(DAEMON)))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}

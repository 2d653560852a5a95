"""The manual says what the code does, and its parts find each other."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import pages
from reelkeep import providers
from reelkeep.core.lifecycle import TRANSITIONS, FileState, RecordingState
from reelkeep.core.model import Level
from reelkeep.errors import Error, ProviderError, TransferError
from reelkeep.telemetry.metrics import Metrics

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
ADRS = sorted((DOCS / "adr").glob("[0-9]*.md"))
MARKDOWN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

REASON_CODES = [
    "auth",
    "not_found",
    "expired",
    "refused",
    "size_mismatch",
    "digest_mismatch",
    "not_media",
    "encoded",
    "protocol",
    "stalled",
    "unreachable",
    "throttled",
    "disk_full",
    "io_error",
]
"""The closed list of the contract, section 6."""

EXIT_CODES = ("0", "1", "2", "75", "78")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def raised_codes(kind: type[Error]) -> set[str]:
    return {kind.code}.union(*(raised_codes(child) for child in kind.__subclasses__()))


@pytest.mark.parametrize("name", pages.pages())
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert text(ROOT / name) == pages.pages()[name], "run `make docs`"


def test_the_commands_that_the_manual_names_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named = {name for path in MARKDOWN for name in re.findall(r"\bmake ([a-z-]+)`", text(path))}
    assert {"demo", "test"} <= targets
    assert named <= targets


def test_the_readme_begins_with_the_demo_and_the_tests() -> None:
    assert {"make demo", "make test"} <= set(re.findall(r"make [a-z]+", text(ROOT / "README.md")))


@pytest.mark.parametrize("path", ADRS, ids=place)
def test_a_decision_is_listed_and_has_its_parts(path: Path) -> None:
    title = text(path).partition("\n")[0].partition(". ")[2]
    assert f"| [{title}]({path.name}) |" in text(DOCS / "adr" / "README.md")
    headings = re.findall(r"^## (.+)$", text(path), re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences"]


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=place)
def test_a_page_can_be_found(path: Path) -> None:
    """Each page is linked from the index of the manual or of the decisions."""
    index = DOCS / "README.md"
    indexes = [index, DOCS / "adr" / "README.md"]
    linked = {(each.parent / link).resolve() for each in indexes for link in links(each)}
    assert path == index or path.resolve() in linked


def links(path: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", text(path))
    return [link.partition("#")[0] for link in found if not re.match(r"[a-z]+:|#", link)]


@pytest.mark.parametrize("path", MARKDOWN, ids=place)
def test_links_lead_somewhere(path: Path) -> None:
    assert [link for link in links(path) if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("code", EXIT_CODES)
def test_every_exit_code_is_explained(code: str) -> None:
    assert f"| `{code}` |" in text(REFERENCE / "exit-codes.md")


def test_the_reason_codes_explained_are_those_of_the_contract() -> None:
    assert explained_codes()[0] == REASON_CODES


def test_every_code_of_a_provider_is_explained() -> None:
    """`provider` itself only names the family: none of its kind is raised."""
    for module in walk_packages(providers.__path__, f"{providers.__name__}."):
        import_module(module.name)
    assert set(explained_codes()[1]) == raised_codes(ProviderError) - {ProviderError.code}


def explained_codes() -> tuple[list[str], list[str]]:
    """Return the codes of the two tables of the page: of files, and of providers."""
    files, _, others = text(REFERENCE / "reasons.md").partition("## Codes of a provider")
    rows = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
    return rows.findall(files), rows.findall(others)


def test_no_transfer_fails_for_a_reason_that_is_not_explained() -> None:
    assert raised_codes(TransferError) <= set(REASON_CODES)


@pytest.mark.parametrize("state", [*FileState, *RecordingState], ids=str)
def test_every_state_is_explained(state: FileState | RecordingState) -> None:
    assert f"| `{state.value}` |" in text(REFERENCE / "states.md")


def test_the_table_of_transitions_is_that_of_the_code() -> None:
    table = text(REFERENCE / "states.md").partition("## Transitions of a file")[2]
    table = table.partition("## ")[0]
    written = {
        source: set(re.findall(r"`(\w+)`", targets))
        for source, targets in re.findall(r"^\| `(\w+)` \|(.*)\|$", table, re.MULTILINE)
    }
    assert written == {
        source.value: {target.value for target in targets}
        for source, targets in TRANSITIONS.items()
    }


@pytest.mark.parametrize("level", Level, ids=str)
def test_every_level_of_verification_is_explained(level: Level) -> None:
    assert f"| `{level.value}` |" in text(REFERENCE / "archive-format.md")


def served_metrics() -> set[str]:
    """Return the names of our metrics as a query writes them, the parts of histograms apart."""
    families = Metrics(lambda _event, /, **_keys: None).families()
    return {each.name + ("_total" if each.kind == "counter" else "") for each in families}


def test_the_metrics_explained_are_those_that_are_served() -> None:
    explained = re.findall(r"^\| `(reelkeep_\w+)` \|", text(REFERENCE / "metrics.md"), re.MULTILINE)
    assert sorted(explained) == sorted(served_metrics())

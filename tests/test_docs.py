"""The manual says what the code does, and its parts find each other."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import click
import pytest
import yaml

import pages
from reelkeep import providers
from reelkeep.cli.program import COMMANDS, commands
from reelkeep.core.diagnosis import Symptom
from reelkeep.core.events import EVENTS
from reelkeep.core.lifecycle import TRANSITIONS, FileState, RecordingState
from reelkeep.core.model import Level
from reelkeep.core.unavailable import NOT_WANTED, Obstacle
from reelkeep.errors import Error, ProviderError, TransferError
from reelkeep.providers.zoom.checking import EACH_USER_CHECK, WHOLE_ACCOUNT_CHECK
from reelkeep.settings.changes import WAITING
from reelkeep.telemetry.metrics import Metrics

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PACKAGE = Path(providers.__path__[0]).parent
ADRS = sorted((DOCS / "adr").glob("[0-9]*.md"))
GENERATED = {"events.md", "configuration.md", "benchmarks.md"}
FOR_USERS = sorted(
    path
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]
    if path not in ADRS and path.name not in GENERATED
)
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
    """Return the codes of the first two tables of the page: of files, and of providers."""
    files, _, others = text(REFERENCE / "reasons.md").partition("## Codes of a provider")
    return codes_in(files), codes_in(others.partition("\n## ")[0])


def codes_in(page: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)


def test_every_code_of_what_is_unavailable_is_explained() -> None:
    page = text(REFERENCE / "reasons.md").partition("## Codes of what is unavailable")[2]
    assert codes_in(page) == [each.value for each in Obstacle if each not in NOT_WANTED]


def test_no_transfer_fails_for_a_reason_that_is_not_explained() -> None:
    assert raised_codes(TransferError) <= set(REASON_CODES)


def test_every_code_of_the_doctor_is_explained_once_and_in_order() -> None:
    page = text(REFERENCE / "doctor.md").partition("\n## ")[0]
    assert re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE) == sorted(Symptom)


def test_every_question_of_check_is_explained() -> None:
    page = text(REFERENCE / "doctor.md").partition("\n## ")[2]
    asked = {
        subject
        for path in [*(PACKAGE / "providers").rglob("*.py"), PACKAGE / "app" / "doctor.py"]
        for subject in re.findall(r"\b[Ff]inding\(\"([\w ]+)\"", text(path))
    }
    named = {EACH_USER_CHECK, WHOLE_ACCOUNT_CHECK}
    assert set(re.findall(r"^\| `([\w ]+)` \|", page, re.MULTILINE)) == asked | named


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
    ours = (each for each in Metrics().collect() if each.name.startswith("reelkeep_"))
    return {each.name + ("_total" if each.type == "counter" else "") for each in ours}


def test_the_metrics_explained_are_those_that_are_served() -> None:
    explained = re.findall(r"^\| `(reelkeep_\w+)` \|", text(REFERENCE / "metrics.md"), re.MULTILINE)
    assert sorted(explained) == sorted(served_metrics())


def settings_keys() -> set[str]:
    """Return every key of the configuration as the manual writes it, and each of its ends."""
    rows = re.findall(r"^\| `([a-z_.]+)` \|", text(REFERENCE / "configuration.md"), re.MULTILINE)
    return {"providers", *rows}


def code(path: Path) -> list[str]:
    """Return what stands in code on a page: lines of blocks, and spans within the text."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text(path), re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^ *```.*?^ *```", "", text(path), flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`]+)`", prose)
    return [line for block in blocks for line in block.splitlines()] + spans


@pytest.mark.parametrize("path", FOR_USERS, ids=place)
def test_commands_and_options_that_a_page_names_exist(path: Path) -> None:
    context = click.Context(commands)
    call = re.compile(r"\breelkeep (?!reelkeep)([a-z]+(?:-[a-z]+)?)\b([^|#;&>]*)")
    wrong = []
    for name, rest in (found for line in code(path) for found in call.findall(line)):
        command = commands.get_command(context, name) if name in COMMANDS else None
        within = command.commands.values() if isinstance(command, click.Group) else ()
        params = [param for each in (command, *within) if each for param in each.params]
        options = {each for param in params for each in param.opts}
        given = re.findall(r"(?<!\S)--[a-z-]+", rest)
        if command is None or not options | {"--help"} >= set(given):
            wrong.append((name, given))
    assert wrong == []


@pytest.mark.parametrize("path", FOR_USERS, ids=place)
def test_settings_and_events_that_a_page_names_exist(path: Path) -> None:
    keys = settings_keys()
    known = keys | set(EVENTS) | set(Symptom) | {f"reelkeep.{name}" for name in COMMANDS}
    dotted = re.compile(r"[a-z_]+(?:\.[a-z_]+)+")
    files = re.compile(r".*\.(?:json|yaml|db|mp4|md|log|part|events|py|h|x|timer|service|jpg)")
    named = {span for span in code(path) if dotted.fullmatch(span) and not files.fullmatch(span)}
    providers_own = {span for span in named if span.startswith("providers.")}
    wrong = {span for span in named - known - providers_own if not is_module(span)}
    wrong |= {span for span in providers_own if span.split(".", 2)[2] not in keys}
    assert wrong == set()


def is_module(name: str) -> bool:
    """Whether `name` is of the code, as pages on how it works may have it."""
    package = name.split(".", maxsplit=1)[0]
    return package == "reelkeep" or (ROOT / "daemon" / "reelkeep" / package).is_dir()


@pytest.mark.parametrize("path", FOR_USERS, ids=place)
def test_the_yaml_of_a_page_has_keys_that_exist(path: Path) -> None:
    keys = {part for key in settings_keys() for part in key.split(".")}
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", text(path), re.MULTILINE | re.DOTALL)
    written = {key for block in blocks for key in every_key(yaml.safe_load(block))}
    assert written <= keys | {"env", "file", "credential"}


def every_key(value: object) -> set[str]:
    if isinstance(value, dict):
        return {str(key) for key in value}.union(*(every_key(inner) for inner in value.values()))
    return set().union(*(every_key(inner) for inner in value)) if isinstance(value, list) else set()


def test_every_command_is_in_the_manual() -> None:
    said = "\n".join(line for path in FOR_USERS for line in code(path))
    assert [name for name in COMMANDS if not re.search(rf"\breelkeep {name}\b", said)] == []


def test_what_waits_for_a_restart_is_in_the_manual() -> None:
    page = text(DOCS / "how-to" / "change-configuration.md")
    (row,) = re.findall(r"^\|(.*)\| after a restart \|$", page, re.MULTILINE)
    assert tuple(re.findall(r"`([a-z_.]+)`", row)) == WAITING


def test_the_page_on_crashes_names_what_there_is() -> None:
    page = text(DOCS / "explanation" / "crashes.md")
    named = set(re.findall(r"`(tests/[^`]+)`", page))
    assert [path for path in named if not (ROOT / path).is_file()] == []
    options = set(re.findall(r"--(\w+)", page.partition("## Run it longer")[2]))
    known = set(re.findall(r'"--(\w+)"', text(ROOT / "tests" / "soak" / "__main__.py")))
    assert options
    assert options <= known


@pytest.mark.parametrize(
    ("page", "root"),
    [("CONTRIBUTING.md", ROOT), ("docs/explanation/architecture.md", ROOT / "daemon" / "reelkeep")],
)
def test_the_map_names_files_that_exist(page: str, root: Path) -> None:
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", text(ROOT / page))
    named = [name for name in named if root != ROOT or name.startswith("daemon/")]
    assert len(named) >= 20
    assert [name for name in named if not (root / name).exists()] == []


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    words = re.findall(r"^\| ([a-z][^|]*) \|", text(REFERENCE / "glossary.md"), re.MULTILINE)[1:]
    assert len(words) > 40
    assert words == sorted(set(words))


OLD_WORDS = frozenset(
    {"bell", "bells", "carillon", "chime", "crew", "desk", "errand", "errands", "flight", "flights"}
    | {"house", "houses", "peace", "rung", "shelf", "shelves", "station", "stations"}
    | {"wish", "wishes"}
)
"""Metaphors that had a plain word of the field; the glossary has it."""


@pytest.mark.parametrize("package", sorted((ROOT / "daemon" / "reelkeep").iterdir()), ids=place)
def test_the_code_uses_no_word_of_the_old_vocabulary(package: Path) -> None:
    """Neither in names nor in what is said of them."""
    modules = sorted(package.rglob("*.py")) if package.is_dir() else [package]
    assert [
        (place(path), word) for path in modules for word in sorted(OLD_WORDS & words_of(text(path)))
    ] == []


def words_of(said: str) -> set[str]:
    """Return the words of a text and of the names in it; `in flight` is plain."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", said).lower()
    return set(re.findall(r"[a-z]+", re.sub(r"\bin[_ ]flight|files_in_flight", "", apart)))


@pytest.mark.parametrize(
    "path", [path for path in MARKDOWN if path.name != "CHANGELOG.md"], ids=place
)
def test_no_page_uses_a_word_of_the_old_vocabulary(path: Path) -> None:
    assert OLD_WORDS & words_of(text(path)) == set()

"""Load the configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from reelkeep.config_types.values import Absent, ProviderType, Surroundings
from reelkeep.core.addresses import AddressPolicy
from reelkeep.errors import ConfigError
from reelkeep.providers.adapter import Installed
from reelkeep.settings.model import LogOptions, NetworkOptions, Settings
from reelkeep.settings.problems import InvalidSettings, Problem, Steps, message_of

SIZE_LIMIT = 1024 * 1024
DEPTH_LIMIT = 32
VALUE_LIMIT = 20_000
"""Values after aliases are expanded: far more than any configuration, far less than a bomb."""

_TAG = "tag:yaml.org,2002:"
_SCALARS = {f"{_TAG}{kind}" for kind in ("null", "bool", "int", "float", "str", "timestamp")}
_MAPPING = f"{_TAG}map"
_SEQUENCE = f"{_TAG}seq"


@dataclass(slots=True)
class Document:
    """A configuration as written: its values, where each one is, and what is wrong with it.

    What could not be read is None in `values`, listed in `unread`, and told in `problems`.
    """

    values: object = None
    lines: dict[Steps, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: set[Steps] = field(default_factory=set)

    def line(self, steps: Steps) -> int:
        """Return the line of the value at `steps`, or of the nearest thing around it."""
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return self.lines.get(steps, 1)


def parse(content: bytes) -> Document:
    """Return what `content` holds; nothing in it is executed, and aliases expand within bounds."""
    document = Document()
    try:
        root = _compose(content)
    except yaml.YAMLError as error:
        document.problems.append(_syntax(error))
    except ValueError as error:
        document.problems.append(Problem((), 1, str(error)))
    else:
        document.lines[()] = 1
        _read(document, root)
    return document


def _read(document: Document, root: yaml.Node | None) -> None:
    try:
        document.values = {} if root is None else _Reader(document).value(root, ())
    except _TooMuch as error:
        document.values = None
        document.problems = [Problem((), error.line, str(error))]


class _TooMuch(ValueError):
    """Aliases expand to more than any configuration holds."""

    def __init__(self, line: int) -> None:
        super().__init__("this expands without end, or nearly: see the aliases (*)")
        self.line = line


class _Loader(yaml.SafeLoader):
    """Composes nodes no deeper than any configuration is."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.depth >= DEPTH_LIMIT:
            raise _refusal("this is nested too deeply", self._mark())
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _mark(self) -> yaml.Mark:
        mark: yaml.Mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # in the stubs
        return mark


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns nodes into values, and notes lines and problems in the document."""

    document: Document

    def value(self, node: yaml.Node, steps: Steps) -> object:
        if len(steps) > DEPTH_LIMIT or len(self.document.lines) > VALUE_LIMIT:
            raise _TooMuch(_line(node.start_mark))
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING:
            return dict(self._items(node, steps))
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQUENCE:
            return [self._item(item, (*steps, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node, steps)
        return self._unread(node, steps, "tags (!) are not used here")

    def _item(self, node: yaml.Node, steps: Steps) -> object:
        self.document.lines[steps] = _line(node.start_mark)
        return self.value(node, steps)

    def _items(self, node: yaml.MappingNode, steps: Steps) -> Iterator[tuple[str, object]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                self._problem(key, steps, "expected keys that are words")
                continue
            below = (*steps, key.value)
            if below in self.document.lines:
                before = self.document.lines[below]
                self._problem(key, below, f"this key is there already, in line {before}")
                continue
            self.document.lines[below] = _line(key.start_mark)
            yield key.value, self.value(value, below)

    def _scalar(self, node: yaml.ScalarNode, steps: Steps) -> object:
        number = node.tag in (f"{_TAG}int", f"{_TAG}float")
        if number and ":" in node.value:  # YAML 1.1 would count 1:30 in sixties
            return node.value
        if number and re.fullmatch(r"[-+]?0[0-9_]+", node.value):  # …and 010 in eights
            return self._unread(node, steps, "a number with a leading zero needs quotes")
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, OverflowError, yaml.YAMLError):
            kind = node.tag.removeprefix(_TAG)
            return self._unread(node, steps, f"no valid {kind}; text needs quotes")

    def _unread(self, node: yaml.Node, steps: Steps, message: str) -> object:
        self.document.unread.add(steps)
        self._problem(node, steps, message)
        return None

    def _problem(self, node: yaml.Node, steps: Steps, message: str) -> None:
        self.document.problems.append(Problem(steps, _line(node.start_mark), message))


def _compose(content: bytes) -> yaml.Node | None:
    if len(content) > SIZE_LIMIT:
        raise ValueError(f"expected a configuration of at most {SIZE_LIMIT} bytes, got more")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"expected text in UTF-8; line {line} is not") from None
    node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    return node


def _refusal(message: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=mark)


def _line(mark: yaml.Mark) -> int:
    return int(mark.line) + 1


def _syntax(error: yaml.YAMLError) -> Problem:
    """Return what the parser says, without the words of the file that it repeats."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem((), 1, "not YAML: it holds a control character")
    mark = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    shown = re.sub(r"'([^']*)'", _without_words, said)
    line = _line(mark) if mark else 1
    return Problem((), line, f"not YAML: {shown}")


def _without_words(match: re.Match[str]) -> str:
    quoted = match[1]
    return match[0] if len(quoted) == 1 or quoted.startswith("<") else "'…'"


Asked = Callable[[str, bool], bool]
"""Tells by name, and by whether it is enabled, whether a provider will be asked something."""


def everybody(_name: str, _enabled: bool) -> bool:  # noqa: FBT001 - see `Asked`
    """Return True: every secret is needed."""
    return True


def nobody(_name: str, _enabled: bool) -> bool:  # noqa: FBT001 - see `Asked`
    """Return False: no provider is asked, so that no secret is needed."""
    return False


def enabled_of(names: Sequence[str]) -> Asked:
    """Return what is true of the enabled providers in `names`; of all enabled ones if empty."""
    return lambda name, enabled: enabled and (not names or name in names)


def absolute(path: Path) -> Path:
    """Return `path` from the root, or as it is where the working directory has been removed."""
    try:
        return path.absolute()
    except OSError:
        return path


def load(
    path: str | Path,
    *,
    environ: Mapping[str, str],
    adapters: Mapping[str, ProviderType] | None = None,
    asked: Asked = everybody,
) -> Settings:
    """Return the settings that the file at `path` holds, its secrets read from their sources.

    `adapters` are the known types of providers; by default those of all installed packages.
    A secret that cannot be read is a problem only for a provider that is `asked` something.

    Raises:
        InvalidSettings: Something is wrong; it lists everything that is, with lines.
        ConfigError: The file cannot be read.
    """
    path = Path(path)
    kinds: Mapping[str, ProviderType] = Installed() if adapters is None else adapters
    around = Surroundings(
        environ=environ, directory=absolute(path).parent, kinds=kinds, asked=asked
    )
    document = parse(_content(path))
    outcome = _validated(document, around)
    if isinstance(outcome, Settings) and not document.problems:
        return outcome
    found = [] if isinstance(outcome, Settings) else outcome
    raise InvalidSettings(path, _all(document, found))


def log_options(path: Path) -> LogOptions:
    """Return what the file at `path` says of the log; the defaults, if that is invalid.

    Raises:
        ConfigError: The file cannot be read.
    """
    values = parse(_content(path)).values
    section = values.get("log", {}) if isinstance(values, dict) else {}
    try:
        return LogOptions.model_validate(section)
    except ValidationError:
        return LogOptions()


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _validated(document: Document, around: Surroundings) -> Settings | list[Problem]:
    if document.values is None and document.problems:
        return []  # it could not be parsed at all
    around = replace(around, policy=_policy(document.values, around))
    try:
        return Settings.model_validate(document.values, context=around)
    except ValidationError as error:
        lines = error.errors(include_url=False)
        return [
            Problem(
                line["loc"],
                document.line(line["loc"]),
                message_of(line),
                may_pass=isinstance(line.get("ctx", {}).get("error"), Absent),
            )
            for line in lines
        ]


def _policy(values: object, around: Surroundings) -> AddressPolicy | None:
    """Return what `network.allow` says, for all addresses to obey; None if it is wrong."""
    network = values.get("network", {}) if isinstance(values, dict) else {}
    try:
        allow = NetworkOptions.model_validate(network, context=around).allow
    except ValidationError:
        return None
    return AddressPolicy.parse(allow)


def _all(document: Document, found: list[Problem]) -> tuple[Problem, ...]:
    """Return the problems in the order of the file; what could not be read is told once."""
    rest = [problem for problem in found if problem.steps not in document.unread]
    return tuple(sorted([*document.problems, *rest], key=lambda problem: problem.line))

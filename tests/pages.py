"""The pages of the manual that are made from code: `make docs` writes them, a test compares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from reelkeep.core.disk_errors import DISK_ERRORS, OTHERWISE, DiskErrorRow, Scope
from reelkeep.settings.changes import schema
from reelkeep.telemetry.catalogue import events_page, journal_catalog, runbook_page
from waits import WAITS

ROOT = Path(__file__).parent.parent

_HEAD = """\
# Configuration

Made from the settings themselves by `make docs`; do not edit.

`reelkeep.yaml` is looked for in: `-c FILE`, `$REELKEEP_CONFIG`, `./reelkeep.yaml`,
`/etc/reelkeep/reelkeep.yaml`. An unknown key, a wrong type or an invalid value is rejected with
file, line and path, and all errors are listed at once (exit code 78).
[The annotated example](../../config/reelkeep.yaml) shows every key;
`reelkeep schema` prints a JSON Schema for editors.

Durations are written `30s 5m 2h 7d` or `250ms`, sizes `64KiB 10MB 1GiB`, dates in ISO 8601. A
secret is one of `{env: NAME}`, `{file: PATH}`, `{credential: NAME}`, never a bare string.

"""

_DISK_ERRORS_HEAD = """\
# Errors of the disk

Made from `core/disk_errors.py` by `make docs`; do not edit.

What an error of the operating system means for the archive, and what happens then. `reelkeep show
ID` and the log describe the error; the first column of the table below has its name in the kernel.

* `full`, `place`, `process`: a small file is written in `.reelkeep/parts`, locked, flushed, and
  moved through the other directories. If that fails too, all transfers pause; otherwise the error
  is about the one file.
* `full`: while transfers pause, `disk.low` holds, until `disk.recovered`; gauge
  `reelkeep_disk_low`, alert `ReelkeepDiskLow`. A single file that does not fit waits, and others
  continue.
* `place`, `process`: while transfers pause, `archive.unavailable` holds, until
  `archive.available`; gauge `reelkeep_archive_unavailable`, alert `ReelkeepArchiveUnavailable`. An
  error about a single file follows `file`.
* `file`: the file is tried again from its first byte, up to `downloads.retry.attempts` times in a
  row: `file.retry`, then `file.failed`.
* `final`: the file fails at once with `io_error`: downloading it again would not help.

While transfers pause, nothing is downloaded and no attempt is counted. The small file is written
every five seconds; when that succeeds, transfers continue.

| error | scope | what happened | what to do |
|---|---|---|---|
"""

_WAITS_HEAD = """\
# What reelkeep waits for

Made from `tests/waits.py` by `make docs`; do not edit.

Each thing that reelkeep waits for, the event that reports it once, the event that ends it, and the
alert if it lasts. Every wait ends by itself when its cause is fixed: nothing needs to be restarted.
If the daemon is restarted anyway, the last column says when the wait ends or is logged again.
There are no other waits. A second process does not wait for an archive or catalog that another one
holds: it exits with code 75 and names that process. Files that a provider has not finished are
requested without a log line for the first eight answers, an hour or two.

| what waits, and for what | begins | ends | alert | after a restart |
|---|---|---|---|---|
"""

Schema = Mapping[str, Any]


def pages(described: Schema | None = None) -> dict[str, str]:
    """Return the pages by their places below the project's root."""
    return {
        "docs/reference/events.md": events_page(),
        "docs/reference/disk-errors.md": disk_errors_page(),
        "docs/reference/waits.md": waits_page(),
        "docs/reference/configuration.md": configuration_page(
            schema() if described is None else described
        ),
        "config/monitoring/reelkeep.catalog": journal_catalog(),
        "docs/how-to/runbook.md": runbook_page(
            {name: rule["labels"]["severity"] for name, rule in rules().items()}
        ),
    }


def disk_errors_page() -> str:
    """Return the table of what each errno means."""
    rows = [*DISK_ERRORS.items(), ("any other", OTHERWISE)]
    return _DISK_ERRORS_HEAD + "".join(_disk_error(name, row) for name, row in rows)


def _disk_error(name: str, row: DiskErrorRow) -> str:
    shown = f"`{name}`" if row.scope is not Scope.FILE else name
    return f"| {shown} | `{row.scope}` | {row.meaning} | {row.advice} |\n"


def waits_page() -> str:
    """Return the table of all waits."""
    return _WAITS_HEAD + "".join(
        f"| {each.what} | {_named(each.begins)} | {_named(each.ends)} | {_named(each.alerts)} | "
        f"{each.restart} |\n"
        for each in WAITS
    )


def _named(names: Sequence[str]) -> str:
    return " ".join(f"`{name}`" for name in names) or "none: nothing is lost"


def rules() -> dict[str, dict[str, Any]]:
    """Return the alerting rules of both sets by name."""
    return rules_of("reelkeep.mtail.rules.yml") | rules_of("reelkeep.rules.yml")


def rules_of(name: str) -> dict[str, dict[str, Any]]:
    """Return the alerting rules of the set in the file `name`, by name."""
    document = yaml.safe_load((ROOT / "config/monitoring" / name).read_text("utf-8"))
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


def configuration_page(described: Schema) -> str:
    """Return every key of the JSON Schema `described`, a table a section."""
    definitions = described["$defs"]
    top = {k: v for k, v in described["properties"].items() if k != "providers"}
    parts = [_HEAD, _table("Top level", top, definitions)]
    kinds = [_resolved(each, definitions) for each in _entries(described)]
    parts += [
        _table(f"`providers`, with `type: {_type(kind)}`", kind["properties"], definitions)
        for kind in sorted(kinds, key=_type)
    ]
    return "\n".join(parts)


def _entries(described: Schema) -> list[Schema]:
    entry: list[Schema] = described["properties"]["providers"]["items"]["oneOf"]
    return entry


def _type(kind: Schema) -> str:
    return str(kind["properties"]["type"].get("const"))


def _table(title: str, keys: Mapping[str, Schema], definitions: Schema) -> str:
    rows = "".join(_rows(keys, definitions, ""))
    return f"## {title}\n\n| key | default | meaning |\n|---|---|---|\n{rows}"


def _rows(keys: Mapping[str, Schema], definitions: Schema, prefix: str) -> Iterator[str]:
    for key, value in keys.items():
        inner = _resolved(value, definitions)
        said = value.get("description", inner.get("description", ""))
        meaning = " ".join(str(said).split()).replace("|", "\\|")
        section = inner.get("properties")
        default = "" if section else _default(value)
        yield f"| `{prefix}{key}` | {default} | {meaning} |\n"
        if section:
            yield from _rows(section, definitions, f"{prefix}{key}.")


def _default(value: Schema) -> str:
    if "const" in value:
        return f"`{value['const']}`"
    if "default" not in value:
        return "required"
    default = json.dumps(value["default"], ensure_ascii=False)
    return f"`{default}`".replace("|", "\\|")


def _resolved(value: Schema, definitions: Schema) -> Schema:
    """Follow a reference, also the one beside null of an optional section."""
    for choice in (value, *value.get("anyOf", ()), *value.get("allOf", ())):
        if "$ref" in choice:
            found: Schema = definitions[choice["$ref"].rpartition("/")[2]]
            return found
    return value


if __name__ == "__main__":
    for name, page in pages().items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(page, encoding="utf-8")

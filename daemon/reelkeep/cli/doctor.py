"""`reelkeep doctor` and `reelkeep health`: whether this installation works."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.invocation import Exit, Invocation
from reelkeep.cli.options import as_json
from reelkeep.core.addresses import DEFAULT, Endpoint, SocketFile, parse_endpoint
from reelkeep.errors import ConfigError

if TYPE_CHECKING:
    from reelkeep.app.doctor import Findings


_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also write a report for support.",
)
@click.option("--offline", is_flag=True, help="Ask no provider.")
@as_json
@click.pass_obj
def doctor(call: Invocation, *, output: Path | None, offline: bool, as_json: bool) -> int:
    """Find problems of this installation; exit with 1 if a check fails.

    Nothing is changed, and no credentials are sent: `check --online` tries those. It also works if
    the configuration or the catalog is broken. The report contains versions, the configuration,
    counts and recent errors, but no secrets; it never overwrites a file.
    """
    from reelkeep.app.catalog_access import utc_now
    from reelkeep.app.doctor import gather

    found = gather(call.settings, utc_now, offline=offline)
    if output is not None:
        _write(output, found)
    if as_json:
        call.out.json(found.document())
    else:
        _print(call, found)
        if output is not None:
            call.out.line(f"\nThe report is in {output}.")
    return Exit.LEFT if found.failed else Exit.DONE


def _write(path: Path, found: Findings) -> None:
    text = json.dumps(found.document(), indent=2, allow_nan=False)
    try:
        with open(path, "x", encoding="utf-8", opener=_private) as file:
            file.write(f"{text}\n")
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _print(call: Invocation, found: Findings) -> None:
    from reelkeep.cli.tables import cell, table

    made = table(call.out, "", "check", "result", wrap=("check", "result"))
    for check in found.checks:
        grade = check.grade.value
        code = "" if check.symptom is None else f" [{check.symptom}]"
        made.add_row(cell(grade, _STYLES[grade]), cell(check.subject), cell(check.message + code))
    call.out.show(made)


SQLITE = "sqlite:///"
CATALOG = "sqlite:////var/lib/reelkeep/catalog.db"


@click.command
@as_json
@click.pass_obj
def health(call: Invocation, *, as_json: bool) -> int:
    """Ask the running daemon whether it is healthy; exit code 0 if it is, otherwise 1.

    For health checks of containers. It reads only `server.listen` and `catalog.url` of the
    configuration, so that it needs no secrets and starts quickly. A daemon that uses another
    catalog counts as not healthy.
    """
    path = call.path()
    where = endpoint_of(path)
    reason = ailment(where, catalog_of(path))
    if as_json:
        call.out.json({"healthy": reason is None, "server": str(where), "reason": reason})
    else:
        call.out.line(reason or f"the daemon on {where} is healthy")
    return Exit.DONE if reason is None else Exit.LEFT


def catalog_of(path: Path) -> Path | None:
    """Return the catalog of the configuration at `path`; None if it is not a file."""
    catalog = _section(path, "catalog")
    url = catalog.get("url", CATALOG) if isinstance(catalog, dict) else CATALOG
    if not isinstance(url, str) or not url.startswith(SQLITE):
        return None
    return path.absolute().parent / url.removeprefix(SQLITE)


def endpoint_of(path: Path) -> Endpoint | SocketFile:
    """Return the address of the daemon of the configuration at `path`.

    Raises:
        ConfigError: The file does not contain one.
    """
    listen = _written(path)
    if listen is None:
        raise ConfigError(f"{path}: server.listen is null, so the daemon cannot be asked")
    try:
        where = parse_endpoint(listen)
    except ValueError as error:
        raise ConfigError(f"{path}: server.listen: {error}") from None
    if isinstance(where, Endpoint) and where.port == 0:
        raise ConfigError(f"{path}: server.listen has port 0: expected a fixed port")
    return where


def _written(path: Path) -> object:
    server = _section(path, "server")
    return server.get("listen", DEFAULT) if isinstance(server, dict) else DEFAULT


def _section(path: Path, name: str) -> object:
    import yaml

    try:
        document: Any = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError:
        raise ConfigError(f"{path}: is not valid YAML; run `reelkeep check` for the line") from None
    return document.get(name) if isinstance(document, dict) else None


def ailment(where: Endpoint | SocketFile, catalog: Path | None) -> str | None:
    """Return why the daemon of `catalog` at `where` is not healthy; None if it is."""
    from reelkeep.app.daemon_client import Unanswered, ask, same_catalog

    try:
        status, body = ask(where, "/healthz")
    except Unanswered as error:
        return str(error)
    if status != 200:
        return f"expected status 200, got {status}"
    theirs = _catalog_in(body)
    if catalog is not None and theirs is not None and not same_catalog(catalog, theirs):
        return f"the daemon on {where} uses another catalog, {theirs}"
    return None


def _catalog_in(body: bytes) -> str | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    named = found.get("catalog") if isinstance(found, dict) else None
    return named if isinstance(named, str) else None

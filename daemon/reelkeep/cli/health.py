"""`reelkeep health`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation
from reelkeep.cli.options import as_json
from reelkeep.core.addresses import DEFAULT, Endpoint, SocketFile, parse_endpoint
from reelkeep.errors import ConfigError

SQLITE = "sqlite:///"
CATALOG = "sqlite:////var/lib/reelkeep/catalog.db"


@click.command
@as_json
@click.pass_obj
def command(call: Invocation, *, as_json: bool) -> int:
    """Ask the running daemon whether it is well; exit code 0 if it is, else 1.

    For health checks of containers. Of the configuration it reads `server.listen` and `catalog.url`
    only, so that it needs no secrets and starts quickly. A daemon that works with another catalog
    is not the one that was asked for.
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
    """Return the catalog of the configuration at `path`; None if it does not say so."""
    catalog = _section(path, "catalog")
    url = catalog.get("url", CATALOG) if isinstance(catalog, dict) else CATALOG
    if not isinstance(url, str) or not url.startswith(SQLITE):
        return None
    return path.absolute().parent / url.removeprefix(SQLITE)


def endpoint_of(path: Path) -> Endpoint | SocketFile:
    """Return where the daemon of the configuration at `path` can be asked.

    Raises:
        ConfigError: The file does not say so.
    """
    listen = _written(path)
    if listen is None:
        raise ConfigError(f"{path}: server.listen is null, so that no daemon can be asked")
    try:
        where = parse_endpoint(listen)
    except ValueError as error:
        raise ConfigError(f"{path}: server.listen: {error}") from None
    if isinstance(where, Endpoint) and where.port == 0:
        raise ConfigError(f"{path}: server.listen has port 0: expected the port to ask")
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
        raise ConfigError(f"{path}: is no YAML; `reelkeep check` says where") from None
    return document.get(name) if isinstance(document, dict) else None


def ailment(where: Endpoint | SocketFile, catalog: Path | None) -> str | None:
    """Return why the daemon of `catalog` at `where` is not well; None if it is."""
    from reelkeep.app.daemon_client import Unanswered, ask, same_catalog

    try:
        status, body = ask(where, "/healthz")
    except Unanswered as error:
        return str(error)
    if status != 200:
        return f"expected status 200, got {status}"
    theirs = _catalog_in(body)
    if catalog is not None and theirs is not None and not same_catalog(catalog, theirs):
        return f"the daemon on {where} works with another catalog, {theirs}"
    return None


def _catalog_in(body: bytes) -> str | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    named = found.get("catalog") if isinstance(found, dict) else None
    return named if isinstance(named, str) else None

"""`reelkeep health`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation
from reelkeep.cli.options import as_json
from reelkeep.core.endpoint import DEFAULT, Endpoint, SocketFile, parse_endpoint
from reelkeep.errors import ConfigError


@click.command
@as_json
@click.pass_obj
def command(call: Invocation, *, as_json: bool) -> int:
    """Ask the running daemon whether it is well; exit code 0 if it is, else 1.

    For health checks of containers. Of the configuration it reads `server.listen` only, so that
    it needs no secrets and starts quickly.
    """
    where = endpoint_of(call.path())
    reason = ailment(where)
    if as_json:
        call.out.json({"healthy": reason is None, "server": str(where), "reason": reason})
    else:
        call.out.line(reason or f"the daemon on {where} is healthy")
    return Exit.DONE if reason is None else Exit.LEFT


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
    import yaml

    try:
        document: Any = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError:
        raise ConfigError(f"{path}: is no YAML; `reelkeep check` says where") from None
    server = document.get("server") if isinstance(document, dict) else None
    return server.get("listen", DEFAULT) if isinstance(server, dict) else DEFAULT


def ailment(where: Endpoint | SocketFile) -> str | None:
    """Return why the daemon at `where` is not well; None if it is."""
    from reelkeep.app.asking import Unanswered, ask

    try:
        status, _ = ask(where, "/healthz")
    except Unanswered as error:
        return str(error)
    return None if status == 200 else f"expected status 200, got {status}"

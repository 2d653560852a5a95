"""`reelkeep check` and `reelkeep schema`: the configuration, checked and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.invocation import Exit, Invocation, log_of, note
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json
from reelkeep.core.diagnosis import unused_proxy

if TYPE_CHECKING:
    from reelkeep.app.doctor import Answer
    from reelkeep.settings.model import Settings
    from reelkeep.settings.problems import InvalidSettings


@click.command
@click.option(
    "--online", is_flag=True, help="Also ask each provider whether it accepts the credentials."
)
@as_json
@click.pass_obj
def check(call: Invocation, *, online: bool, as_json: bool) -> int:
    """Validate the configuration and print it resolved, secrets masked.

    With --online, each enabled provider is asked one small question. Anything missing (a scope, a
    key, a seat) is shown, and the exit code is 1.
    """
    from reelkeep.settings.changes import resolved
    from reelkeep.settings.load import everybody
    from reelkeep.settings.problems import InvalidSettings

    try:
        settings = call.settings(everybody)
    except InvalidSettings as error:
        if as_json:
            call.out.json(_problems(error))
        raise
    document, found = resolved(settings), _ask(settings) if online else []
    if as_json:
        call.out.json(document | ({"findings": _findings(found)} if online else {}))
    else:
        _print(call, document, found)
    hint = unused_proxy(call.environ)
    if online and hint is not None and settings.network.proxy is None:
        note(hint)
    return Exit.DONE if all(finding.ok for _, finding in found) else Exit.LEFT


def _problems(error: InvalidSettings) -> dict[str, Any]:
    return {
        "problems": [
            {
                "file": str(error.path),
                "line": problem.line,
                "path": problem.path,
                "message": problem.message,
            }
            for problem in error.problems
        ]
    }


def _ask(settings: Settings) -> list[Answer]:
    from reelkeep.app.doctor import online

    return run_in_loop(online, settings, log_of(settings))


def _findings(found: list[Answer]) -> list[dict[str, Any]]:
    return [
        {
            "provider": name,
            "subject": finding.subject,
            "ok": finding.ok,
            "message": finding.message,
        }
        for name, finding in found
    ]


def _print(call: Invocation, document: dict[str, Any], found: list[Answer]) -> None:
    import yaml

    call.out.text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100))
    if not found:
        return
    from reelkeep.cli.tables import cell, table

    findings = table(
        call.out, "provider", "", "check", "result", wrap=("result",), cut={"provider"}
    )
    for name, finding in found:
        mark = cell("ok", "green") if finding.ok else cell("NOT OK", "bold red")
        findings.add_row(cell(name), mark, cell(finding.subject), cell(finding.message))
    call.out.line()
    call.out.show(findings)


@click.command
@as_json
@click.pass_obj
def schema(call: Invocation, *, as_json: bool) -> int:  # noqa: ARG001 - it is JSON either way
    """Print the JSON Schema (2020-12) of the configuration, for editors."""
    from reelkeep.settings.changes import schema

    call.out.json(schema())
    return Exit.DONE


@click.command(name="page-token")
@as_json
@click.pass_obj
def page_token(call: Invocation, *, as_json: bool) -> int:
    """Make a token for `server.page.token`: 256 random bits.

    Write it to a file that only the daemon's user can read, and name that file in the
    configuration.
    """
    from secrets import token_urlsafe

    token = token_urlsafe(32)
    if as_json:
        call.out.json({"token": token})
    else:
        call.out.line(token)
    return Exit.DONE

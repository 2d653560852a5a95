"""Run the asynchronous part of a command, and stop it in order when a signal asks for that."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack

import click

from reelkeep.cli.invocation import Exit

if TYPE_CHECKING:
    from anyio import Event
    from anyio.abc import TaskStatus

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def run_in_loop(work: Callable[[Unpack[Ts]], Awaitable[T]], *arguments: *Ts) -> T:
    """Run `work` and return its result. Garbage is collected from its first pause on."""
    import asyncio

    import anyio

    async def begin() -> T:
        asyncio.get_running_loop().call_soon(_collect)
        return await work(*arguments)

    try:
        return anyio.run(begin)
    except BaseExceptionGroup as group:
        from reelkeep.app.exception_groups import leaves

        wrong = [error for error in leaves(group) if isinstance(error, click.ClickException)]
        if wrong:
            raise wrong[0] from group  # so that click prints the usage, too
        raise


def _collect() -> None:
    if not gc.isenabled():
        gc.freeze()  # everything needed is imported by now, and stays in use
        gc.enable()


async def obey(stop: Event, *, task_status: TaskStatus[None]) -> None:
    """Set `stop` at the first SIGINT or SIGTERM; end the process at the second."""
    from anyio import open_signal_receiver

    with open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            if stop.is_set():
                os._exit(Exit.LEFT)  # the disk is as after a crash: everything resumes
            stop.set()

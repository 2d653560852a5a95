"""Run what is asynchronous of a command."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple, Unpack

import click

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def run_in_loop(work: Callable[[Unpack[Ts]], Awaitable[T]], *arguments: *Ts) -> T:
    """Return what `work` returns. Garbage is collected from its first pause on."""
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
            raise wrong[0] from group  # only so does click tell the usage, too
        raise


def _collect() -> None:
    if not gc.isenabled():
        gc.freeze()  # all that is needed is imported by now, and stays
        gc.enable()

"""Run what is asynchronous of a command."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def run_in_loop(work: Callable[[Unpack[Ts]], Awaitable[T]], *arguments: *Ts) -> T:
    """Return what `work` returns. Garbage is collected from its first pause on."""
    import asyncio

    import anyio

    async def begin() -> T:
        asyncio.get_running_loop().call_soon(_collect)
        return await work(*arguments)

    return anyio.run(begin)


def _collect() -> None:
    if not gc.isenabled():
        gc.freeze()  # all that is needed is imported by now, and stays
        gc.enable()

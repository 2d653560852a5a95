"""End a command in order when it is asked to, and at once when it is asked twice."""

from __future__ import annotations

import os
import signal

import anyio
from anyio import open_signal_receiver
from anyio.abc import TaskStatus

from reelkeep.cli.codes import Exit


async def obey(
    stop: anyio.Event, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Set `stop` at the first SIGINT or SIGTERM; end the process at the second."""
    with open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            if stop.is_set():
                os._exit(Exit.LEFT)  # what is on disk is as after a crash: all of it resumes
            stop.set()

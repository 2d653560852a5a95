"""Commands of reelkeep in processes that are forked from one which has imported everything.

A command takes far longer to import its modules than to do its work. It still has a process, a
folder, an environment and an exit code of its own. What a process does that is started anew is
seen by `test_startup`, `test_streams` and the tests of the daemon.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import anyio

_MOST = 1 << 20  # bytes of a request
_APART = (
    "reelkeep.cli.__main__",
    "reelkeep.catalog.migrations.",
)  # they run when they are imported


@dataclass(frozen=True)
class Ended:
    """What a command left."""

    returncode: int
    stdout: bytes
    stderr: bytes


async def run(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Ended:
    """Run `reelkeep` with these arguments to its end; if the test does not wait, it is killed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with started(arguments, cwd=cwd, env=env, out=out, err=err) as command:
            code = await command.wait()
        return _ended(code, out, err)


def run_here(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Ended:
    """Do the same where there is no event loop."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with started(arguments, cwd=cwd, env=env, out=out, err=err) as command:
            code = command.join()
        return _ended(code, out, err)


def _ended(code: int, *streams: BinaryIO) -> Ended:
    for stream in streams:
        stream.seek(0)
    return Ended(code, *(stream.read() for stream in streams))


class Command:
    """A process that was forked; it is used as one of `anyio` is."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._code: int | None = None
        self.pid = int(channel.recv(100))

    @property
    def returncode(self) -> int | None:
        """How it ended, if it has; a signal has a negative number."""
        if self._code is None and select.select([self._channel], [], [], 0)[0]:
            self._code = int(self._channel.recv(100))
        return self._code

    async def wait(self) -> int:
        if self._code is None:
            await anyio.wait_readable(self._channel)
        return self.join()

    def join(self) -> int:
        """Wait for its end. Blocking."""
        if self._code is None:
            self._code = int(self._channel.recv(100))
        return self._code

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@contextmanager
def started(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], out: BinaryIO, err: BinaryIO
) -> Iterator[Command]:
    """Start `reelkeep` with these arguments; it is killed if it still runs at the end."""
    request = {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            fds = [theirs.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(_parent(), [json.dumps(request).encode()], fds)
        command = Command(ours)
        try:
            yield command
        finally:
            command.kill()
            command.join()


@cache
def _parent() -> socket.socket:
    """Return the channel to the process that forks; when it is closed, that process ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    theirs.close()

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait()

    return ours


# --- in the process that forks --------------------------------------------------------------------


def _serve(channel: socket.socket) -> None:
    """Fork for each request, say the number of the process, and later how it ended."""
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not channel:
                    selector.unregister(key.fileobj)
                    _tell(*key.data)
                    os.close(key.fd)
                    continue
                message, fds, _, _ = socket.recv_fds(channel, _MOST, 3)
                if not message:
                    return
                pid = os.fork() or _become(json.loads(message), fds[1:])
                os.close(fds[1])
                os.close(fds[2])
                answer = socket.socket(fileno=fds[0])
                answer.send(str(pid).encode())
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, answer))


def _tell(pid: int, answer: socket.socket) -> None:
    _, status = os.waitpid(pid, 0)
    with answer:
        answer.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: dict[str, Any], fds: Sequence[int]) -> NoReturn:
    """Be the command that was asked for, and end as it does."""
    code: object = 1
    try:
        for number, fd in enumerate(fds, 1):
            os.dup2(fd, number)
        os.closerange(3, 1024)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = ["reelkeep", *request["arguments"]]
        from reelkeep.cli import main

        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def _import_everything() -> None:
    import reelkeep

    for module in pkgutil.walk_packages(reelkeep.__path__, "reelkeep."):
        if not module.name.startswith(_APART):
            import_module(module.name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    _import_everything()
    with socket.socket(fileno=int(sys.argv[1])) as the_channel:
        _serve(the_channel)

"""A disk in memory that knows what a power cut may leave of it.

What was written counts as durable once its file was flushed, and a name once its directory was:
no promise beyond these is made, although many file systems keep more. Every effect is noted in
`log`; `power_cuts` makes of a log the states in which the machine may find the disk again.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from reelkeep.disk import Disk, Limits

ROOT = 1
"""The number of the topmost directory."""

FREE = 1 << 40


@dataclass(slots=True)
class Node:
    """A file or a directory, whatever names it has."""

    mode: int  #: With its kind.
    content: bytearray = field(default_factory=bytearray)
    names: dict[str, int] = field(default_factory=dict)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True, slots=True)
class Named:
    """A directory gave `node` a name, or took the name from whoever had it."""

    directory: int
    name: str
    node: int | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A node got a name in place of another one: never neither of them."""

    source: int
    old: str
    directory: int
    name: str
    node: int


@dataclass(frozen=True, slots=True)
class Wrote:
    node: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Sized:
    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Moded:
    node: int
    mode: int


@dataclass(frozen=True, slots=True)
class Flushed:
    """A file's bytes, or a directory's names, are durable; `mode`: its mode too."""

    node: int
    mode: bool


Effect = Named | Moved | Wrote | Sized | Moded | Flushed
Nodes = dict[int, Node]


def empty() -> Nodes:
    """Return a file system with nothing in it."""
    return {ROOT: Node(stat.S_IFDIR | 0o755)}


class ModelDisk(Disk):
    """The disk; `nodes` is what it begins with, `boot` what this run of the machine is called."""

    def __init__(self, nodes: Nodes | None = None, *, boot: str = "boot-1") -> None:
        self.nodes = empty() if nodes is None else nodes
        self.before = copy_of(self.nodes)  #: What was there when the log began.
        self.log: list[Effect] = []
        self.births: dict[int, int] = {}  #: The modes of the nodes that were made since.
        self._boot = boot
        self._next = max(self.nodes) + 1
        self._open: dict[int, int] = {}
        self._holders: dict[int, int] = {}  # who holds the lock of a node
        self._fd = 1000
        self._lock = threading.RLock()

    def boot(self) -> str:
        return self._boot

    def bury(self) -> None:
        """Close what a dead process had open."""
        with self._lock:
            self._open.clear()
            self._holders.clear()

    def files(self) -> dict[str, bytes]:
        """Return every file there is, by its path."""
        return tree(self.nodes)

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        with self._at(path) as (directory, name):
            number = self.nodes[directory].names.get(name)
            if number is None:
                if not flags & os.O_CREAT:
                    raise _error(errno.ENOENT, path)
                number = self._make(stat.S_IFREG | mode)
                self._do(Named(directory, name, number))
            elif self.nodes[number].is_directory and flags & (os.O_WRONLY | os.O_RDWR):
                raise _error(errno.EISDIR, path)
            if flags & os.O_TRUNC and self.nodes[number].content:
                self._do(Sized(number, 0))
            self._fd += 1
            self._open[self._fd] = number
            return self._fd

    def close(self, fd: int) -> None:
        with self._lock:
            number = self._open.pop(fd)
            if self._holders.get(number) == fd:
                del self._holders[number]

    def pwrite(self, fd: int, pieces: Sequence[memoryview], offset: int) -> int:
        data = b"".join(pieces)
        with self._lock:
            self._do(Wrote(self._open[fd], offset, data))
        return len(data)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        with self._lock:
            return bytes(self._node(fd).content[offset : offset + size])

    def truncate(self, fd: int, size: int) -> None:
        with self._lock:
            self._do(Sized(self._open[fd], size))

    def size(self, fd: int) -> int:
        return len(self._node(fd).content)

    def is_file(self, fd: int) -> bool:
        return not self._node(fd).is_directory

    def lock(self, fd: int) -> None:
        with self._lock:
            if self._holders.setdefault(self._open[fd], fd) != fd:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def fchmod(self, fd: int, mode: int) -> None:
        with self._lock:
            self._do(Moded(self._open[fd], mode))

    def fdatasync(self, fd: int) -> None:
        with self._lock:
            self._do(Flushed(self._open[fd], mode=False))

    def fsync(self, fd: int) -> None:
        with self._lock:
            self._do(Flushed(self._open[fd], mode=True))

    def fsync_directory(self, path: Path) -> None:
        with self._lock:
            number = self._directory(path)
            self._do(Flushed(number, mode=True))

    def rename(self, source: Path, target: Path) -> None:
        with self._at(source) as (here, old), self._at(target) as (there, name):
            number = self._named(source)
            other = self.nodes[there].names.get(name)
            if self.nodes[number].is_directory and source in target.parents:
                raise _error(errno.EINVAL, target)
            if other is not None and other != number:
                self._give_way(number, other, target)
            if other != number:
                self._do(Moved(here, old, there, name, number))

    def link(self, source: Path, target: Path) -> None:
        with self._at(target) as (directory, name):
            number = self._named(source)
            if self.nodes[number].is_directory:
                raise _error(errno.EPERM, source)
            if name in self.nodes[directory].names:
                raise _error(errno.EEXIST, target)
            self._do(Named(directory, name, number))

    def unlink(self, path: Path) -> None:
        with suppress(FileNotFoundError), self._at(path) as (directory, name):
            number = self.nodes[directory].names.get(name)
            if number is not None and self.nodes[number].is_directory:
                raise _error(errno.EISDIR, path)
            if number is not None:
                self._do(Named(directory, name, None))

    def mkdir(self, path: Path, mode: int) -> None:
        with self._at(path) as (directory, name):
            if name in self.nodes[directory].names:
                raise _error(errno.EEXIST, path)
            self._do(Named(directory, name, self._make(stat.S_IFDIR | mode)))

    def chmod(self, path: Path, mode: int) -> None:
        with self._lock:
            self._do(Moded(self._named(path), mode))

    def rmdir(self, path: Path) -> None:
        with self._at(path) as (directory, name):
            if self.nodes[self._directory(path)].names:
                raise _error(errno.ENOTEMPTY, path)
            self._do(Named(directory, name, None))

    def status(self, path: Path) -> os.stat_result | None:
        with self._lock:
            try:
                number = self._named(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
            node = self.nodes[number]
            return os.stat_result((node.mode, number, 1, 1, 0, 0, len(node.content), 0, 0, 0))

    def names(self, path: Path) -> list[str]:
        with self._lock:
            try:
                return sorted(self.nodes[self._directory(path)].names)
            except (FileNotFoundError, NotADirectoryError):
                return []

    def free(self, path: Path) -> int:
        self._directory(path)
        return FREE

    def limits(self, path: Path) -> Limits:
        self._directory(path)
        return Limits(total=FREE, names=None, read_only=False)

    def _give_way(self, number: int, other: int, path: Path) -> None:
        """See that `other` may be replaced by `number`."""
        if self.nodes[other].is_directory != self.nodes[number].is_directory:
            raise _error(errno.ENOTDIR, path)
        if self.nodes[other].names:
            raise _error(errno.ENOTEMPTY, path)

    def _do(self, effect: Effect) -> None:
        apply(effect, self.nodes)
        self.log.append(effect)

    def _make(self, mode: int) -> int:
        number, self._next = self._next, self._next + 1
        self.nodes[number] = Node(mode)
        self.births[number] = mode
        return number

    def _node(self, fd: int) -> Node:
        with self._lock:
            return self.nodes[self._open[fd]]

    def _named(self, path: Path) -> int:
        number = ROOT
        for name in path.parts[1:]:
            node = self.nodes[number]
            if not node.is_directory:
                raise _error(errno.ENOTDIR, path)
            if name not in node.names:
                raise _error(errno.ENOENT, path)
            number = node.names[name]
        return number

    def _directory(self, path: Path) -> int:
        number = self._named(path)
        if not self.nodes[number].is_directory:
            raise _error(errno.ENOTDIR, path)
        return number

    @contextmanager
    def _at(self, path: Path) -> Iterator[tuple[int, str]]:
        with self._lock:
            yield self._directory(path.parent), path.name


def apply(effect: Effect, nodes: Nodes) -> None:
    """Let `effect` happen to `nodes`."""
    match effect:
        case Named(directory, name, None):
            nodes[directory].names.pop(name, None)
        case Named(directory, name, int(node)):
            nodes[directory].names[name] = node
        case Moved(source, old, directory, name, node):
            if nodes[source].names.get(old) == node:
                del nodes[source].names[old]
            nodes[directory].names[name] = node
        case Wrote(node, offset, data):
            content = nodes[node].content
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
        case Sized(node, size):
            content = nodes[node].content
            content.extend(bytes(max(0, size - len(content))))
            del content[size:]
        case Moded(node, mode):
            nodes[node].mode = stat.S_IFMT(nodes[node].mode) | mode
        case Flushed():
            pass


def copy_of(nodes: Nodes) -> Nodes:
    """Return the same file system once more."""
    return {
        number: Node(node.mode, bytearray(node.content), dict(node.names))
        for number, node in nodes.items()
    }


def tree(nodes: Mapping[int, Node]) -> dict[str, bytes]:
    """Return every file that has a name, by its path."""
    found: dict[str, bytes] = {}
    waiting = [("", ROOT)]
    while waiting:
        path, number = waiting.pop()
        for name, child in nodes[number].names.items():
            if nodes[child].is_directory:
                waiting.append((f"{path}/{name}", child))
            else:
                found[f"{path}/{name}"] = bytes(nodes[child].content)
    return found


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))

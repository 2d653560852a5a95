"""An unfinished file on disk, and the journal that says what may be built on it.

    bytes on disk belong to     the validator in the journal; without one, to nobody
    the journal is written      before the part grows beyond a mebibyte, at each checkpoint, and
                                when the part is left: a small file that arrives at once has none
    the journal is gone         durably, before bytes of another validator are written

Every method blocks, and one thread at a time may be in here. After a failure of the disk other
than a full one the part is discarded, as what it holds cannot be known any more (rule 46).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from reelkeep.archive.disk import FULL, Disk, read_small, replace_small
from reelkeep.archive.places import Places
from reelkeep.archive.quarantine import Quarantine
from reelkeep.archive.stream import Stream, sha256_of
from reelkeep.core.journal import Journal, decode, encode, identity_of, usable
from reelkeep.core.media import container_ok, kind_of
from reelkeep.core.model import Download
from reelkeep.errors import Busy, IoFailed
from reelkeep.ports import Held

_JOURNAL_FROM = 1024 * 1024
_JOURNAL_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all parts of one archive stand on."""

    disk: Disk
    places: Places
    quarantine: Quarantine
    boot: str  #: This run of the kernel; empty: not known.
    file_mode: int


class PartFile:
    """The part of one download. `open` comes first, `leave` last."""

    def __init__(self, ground: Ground, download: Download) -> None:
        self._ground = ground
        self._disk = ground.disk
        self._download = download
        self.path = ground.places.part(download)
        self._journal_path = self.path.with_suffix(".json")
        self._journal = Journal(identity=identity_of(download), boot=ground.boot)
        self._journalled = False  # a journal may be on disk
        self._stream: Stream | None = None

    @property
    def held(self) -> Held:
        size = self._stream.written if self._stream else 0
        kept = self._journal
        return Held(size, kept.validator, kept.total, kept.promises)

    @property
    def behind(self) -> bool:
        """Whether `catch_up` has more to do."""
        return self._stream is not None and self._stream.behind

    @property
    def pristine(self) -> bool:
        """Whether nothing is there that `begin` would have to forget."""
        return self._stream is not None and not self._stream.written and not self._journalled

    def open(self) -> None:
        """Open the part, and take over what an earlier attempt left, if it is of this file.

        Raises:
            Busy: Another writer has it.
        """
        fd = self._disk.open(self.path, os.O_RDWR | os.O_CREAT)
        try:
            self._claim(fd)
            self._take_over(fd)
        except BaseException:
            self._stream = None
            self._disk.close(fd)
            raise

    def begin(self, validator: str | None, total: int | None, promises: Mapping[str, str]) -> None:
        """Forget all bytes; those to come belong to `validator`."""
        stream = self._sound()
        if not self.pristine:
            with self._distrusting():
                self._forget(stream)
        self._journal = Journal(
            identity=self._journal.identity,
            validator=validator,
            total=total,
            promises=dict(promises),
            boot=self._ground.boot,
        )

    def append(self, pieces: Sequence[bytes]) -> None:
        stream = self._sound()
        with self._distrusting():
            if stream.written + sum(map(len, pieces)) > _JOURNAL_FROM and not self._journalled:
                self._write_journal()
            stream.append(pieces)

    def checkpoint(self) -> None:
        """Flush the bytes, then say so in the journal; never the other way round (rule 43)."""
        stream = self._sound()
        self._flush(stream)
        with self._distrusting():
            self._write_journal()

    def catch_up(self) -> None:
        """Hash a slice of what was taken over."""
        with self._distrusting():
            self._sound().catch_up()

    def sha256(self) -> str:
        return self._sound().sha256

    def flaw(self, file_type: str) -> str | None:
        """Return what is wrong with the container of the bytes."""
        stream = self._sound()
        extension = self._download.name.rpartition(".")[2]
        return container_ok(kind_of(file_type, extension), stream.read_at, stream.written)

    def keep(self) -> None:
        """Flush the bytes, and move them durably among the finished files."""
        stream = self._sound()
        target = self._ground.places.kept(self._download.key, self._download.file)
        if self._disk.size(stream.fd) != stream.written:
            self._discard()
            raise IoFailed(f"the part of {self._download.name} is not as long as what was written")
        with self._distrusting():
            self._disk.fchmod(stream.fd, self._ground.file_mode)
        self._flush(stream, mode=True)
        self._make_room(target, stream.sha256)
        self._close(stream)
        self._disk.rename(self.path, target)
        try:
            self._disk.fsync_directory(target.parent)
        except OSError:
            with suppress(OSError):
                self._disk.unlink(target)
            raise
        self._drop_journal()

    def set_aside(self, reason: str) -> None:
        """Move the bytes into quarantine, and go on with an empty part."""
        stream = self._sound()
        with self._distrusting():
            self._ground.quarantine.take(self.path, self._download, self.held, reason)
            self._close(stream)
            self._drop_journal()
            self.open()

    def leave(self) -> None:
        """Close the part so that its bytes can be built on later, if the disk lets us.

        A part that cannot be made safe is discarded without a word: nothing depends on it, and
        what made the caller leave must not be hidden.
        """
        if self._stream is None:
            return
        try:
            if self._stream.written:
                self._settle(self._stream)
            else:
                self._discard()
        except OSError:
            self._discard()

    def _settle(self, stream: Stream) -> None:
        if self._journal.durable < stream.written:
            self._flush(stream)
        older = self._journalled
        try:
            self._write_journal()
        except OSError:
            if not older:  # an older one says less, but nothing wrong
                raise
        self._close(stream)

    def _claim(self, fd: int) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another writer has the part of {self._download.name}") from error

    def _take_over(self, fd: int) -> None:
        content = read_small(self._disk, self._journal_path, limit=_JOURNAL_LIMIT)
        self._journalled = content is not None
        journal = decode(content or b"")
        size = self._disk.size(fd)
        kept = usable(journal, self._journal.identity, size=size, boot=self._ground.boot)
        self._stream = Stream(self._disk, fd, kept)
        if journal is None or not kept:
            self._journal = Journal(identity=self._journal.identity, boot=self._ground.boot)
            if size or self._journalled:
                self._forget(self._stream)
            return
        durable = min(journal.durable, kept)
        self._journal = replace(journal, durable=durable, boot=self._ground.boot)
        if size > kept:
            self._disk.truncate(fd, kept)

    def _make_room(self, target: Path, sha256: str) -> None:
        """Put aside what has the name `target` already, unless it is the same file.

        The catalog knows nothing of it: who knows a file to be stored fetches it no more.
        """
        if self._disk.status(target) is not None and sha256_of(self._disk, target) != sha256:
            reason = "it waited under the name of a file that then arrived differently"
            self._ground.quarantine.take(target, self._download, Held(), reason)

    def _forget(self, stream: Stream) -> None:
        """Cut the part to nothing before its journal goes: bytes never outlive what says whose."""
        stream.forget()
        self._drop_journal()

    def _drop_journal(self) -> None:
        if self._journalled:
            self._disk.unlink(self._journal_path)
            self._disk.fsync_directory(self._journal_path.parent)
            self._journalled = False

    def _write_journal(self) -> None:
        self._journalled = True  # whatever happens now: it may be there
        scratch = self._journal_path.with_suffix(".json.tmp")
        content = encode(self._journal)
        replace_small(self._disk, self._journal_path, content, mode=0o600, scratch=scratch)

    def _flush(self, stream: Stream, *, mode: bool = False) -> None:
        try:
            (self._disk.fsync if mode else self._disk.fdatasync)(stream.fd)
        except OSError:
            self._discard()
            raise
        self._journal = replace(self._journal, durable=stream.written)

    def _close(self, stream: Stream) -> None:
        self._stream = None
        self._disk.close(stream.fd)

    def _discard(self) -> None:
        """Remove part and journal as far as the disk still obeys."""
        stream, self._stream = self._stream, None
        with suppress(OSError):
            self._disk.unlink(self._journal_path)
        with suppress(OSError):
            self._disk.unlink(self.path)
        with suppress(OSError):
            if stream:
                self._disk.close(stream.fd)

    def _sound(self) -> Stream:
        if self._stream is None:
            raise IoFailed(f"the part of {self._download.name} was given up after a failed disk")
        return self._stream

    @contextmanager
    def _distrusting(self) -> Iterator[None]:
        """Discard the part if the disk fails otherwise than by being full."""
        try:
            yield
        except OSError as error:
            if error.errno not in FULL:
                self._discard()
            raise

"""An unfinished file on disk, until it has its place among the finished ones.

    bytes on disk belong to     the validator in the journal; without one, to nobody
    the journal is written      before the part grows beyond a mebibyte, at each checkpoint, and
                                when the part is left: a small file that arrives at once has none
    the journal is gone         durably, before bytes of another validator are written
    a part with a coverage      is filled out of order: its journal says so before it is

Every method blocks, and waits for its turn: one thread at a time is in here, but for `absorb`,
`fill`, `follow` and `checkpoint`, which are safe beside each other. After a failure of the disk
other than a full one the part is given up, as what it holds cannot be known any more (rule 46 of
the transfer notes); its descriptor stays until the part is left, for other threads may still use it
(rule 28).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from reelkeep.archive.finished_files import ArchiveContext, FinishedPlace
from reelkeep.archive.hashed_file import MARK, HashedFile
from reelkeep.archive.setup import only_writer
from reelkeep.archive.threads import Turns
from reelkeep.core.coverage import Coverage, Extent, Segment, beginning
from reelkeep.core.disk_errors import leaves_bytes
from reelkeep.core.examination import Examination
from reelkeep.core.journal import (
    Identity,
    PartJournal,
    decode,
    encode,
    identity_of,
    usable,
    usable_extents,
)
from reelkeep.core.media import MediaKind, examine
from reelkeep.core.model import Download
from reelkeep.disk import FULL, Disk, read_small, replace_small
from reelkeep.errors import IoFailed, Rotten, WrongBytes
from reelkeep.ports import Held, Source

_LIMIT = 16 * 1024 * 1024  # a tebibyte has a mebibyte of marks


Extents = tuple[Extent, ...] | None
"""What is there of a part that is filled out of order; None of any other."""


class PartRecord:
    """The journal of the part at `path`, which is to hold the file `identity`."""

    def __init__(self, disk: Disk, path: Path, identity: Identity) -> None:
        self._disk = disk
        self._path = path.with_suffix(".json")
        self._journal = PartJournal(identity=identity)
        self.on_disk = False  #: A journal may be on disk.

    @property
    def journal(self) -> PartJournal:
        return self._journal

    @property
    def marks(self) -> tuple[str, ...]:
        """The digests of each 64 MiB more of the durable bytes."""
        return self._journal.marks

    def take_over(self, size: int) -> tuple[int, Coverage | None]:
        """Read the journal of a part of `size` bytes.

        Return how many bytes from the start can be built on and, if the part is filled out of
        order, all that can. Nothing and None: it is not that of this file.
        """
        identity, found = self._journal.identity, self._load()
        kept, coverage = self._usable(found, size)
        if found is None or not (kept or coverage):
            self._journal = PartJournal(identity=identity)
            return 0, None
        durable, marks = min(found.durable, kept), found.marks[: kept // MARK]
        self._journal = replace(
            found, identity=identity, durable=durable, marks=marks, extents=None
        )
        return kept, coverage

    def begin(self, validator: str | None, total: int | None, promises: Mapping[str, str]) -> None:
        """Begin anew: bytes to come belong to `validator`. Nothing is written yet."""
        self._journal = PartJournal(
            identity=self._journal.identity, validator=validator, total=total,
            promises=dict(promises),
        )  # fmt: skip

    def of_total(self, total: int) -> None:
        """Note how many bytes the whole has. Nothing is written yet."""
        self._journal = replace(self._journal, total=total)

    def flushed(self, written: int, filled: Extents) -> None:
        """Note what is durable now. Nothing is written yet."""
        if filled is not None:
            written = beginning(filled)
        self._journal = replace(self._journal, durable=written, extents=filled)

    def cut(self, written: int) -> None:
        """Note that only the first `written` bytes are left. Nothing is written yet."""
        durable = min(self._journal.durable, written)
        self._journal = replace(self._journal, durable=durable, extents=None)

    def write(self, marks: tuple[str, ...] = ()) -> None:
        """Write the journal durably; `marks` are the digests that are known by now."""
        durable = marks[: self._journal.durable // MARK]
        self._journal = replace(self._journal, marks=durable)
        self.on_disk = True  # whatever happens now
        scratch = self._path.with_suffix(".json.tmp")
        replace_small(self._disk, self._path, encode(self._journal), mode=0o600, scratch=scratch)

    def drop(self) -> None:
        """Remove the journal, durably."""
        if self.on_disk:
            self._disk.unlink(self._path)
            self._disk.fsync_directory(self._path.parent)
            self.on_disk = False

    def discard(self) -> None:
        """Remove the journal if the disk still obeys."""
        with suppress(OSError):
            self._disk.unlink(self._path)

    def _load(self) -> PartJournal | None:
        """Return what is on disk, None if that cannot be trusted."""
        content = read_small(self._disk, self._path, limit=_LIMIT)
        self.on_disk = content is not None
        return decode(content or b"")

    def _usable(self, found: PartJournal | None, size: int) -> tuple[int, Coverage | None]:
        identity = self._journal.identity
        if found is None or found.identity != identity or found.extents is None:
            return usable(found, identity, size=size), None
        extents = usable_extents(found, size=size)
        if not extents:
            return 0, None
        coverage = Coverage(found.total or size, extents)
        is_prefix = extents == ((0, coverage.prefix),)
        return coverage.prefix, None if is_prefix else coverage


_JOURNAL_FROM = 1024 * 1024


class PartFile:
    """The part of one download. `open` comes first, `leave` last."""

    def __init__(self, ground: ArchiveContext, download: Download) -> None:
        self._ground = ground
        self._disk = ground.disk
        self._download = download
        self.path = ground.places.part(download)
        self.coverage: Coverage | None = None
        self.record = PartRecord(self._disk, self.path, identity_of(download))
        self._finish = FinishedPlace(ground, download)
        self._turns = Turns()
        self._stream: HashedFile | None = None
        self.distrusted = False  #: What is on disk is not to be built on.
        self._given_up = False
        self._cause: OSError | None = None  # why it was given up
        self._rotten = False

    @property
    def held(self) -> Held:
        kept = self.record.journal
        size, beyond = self.written, 0
        if (filled := self.filled) is not None and not self._given_up:
            size = beginning(filled)
            beyond = sum(end - start for start, end in filled) - size
        return Held(size, kept.validator, kept.total, kept.promises, beyond)

    @property
    def behind(self) -> int:
        """Bytes of the beginning that `follow` has still to hash."""
        return 0 if self._stream is None else max(0, self.written - self._stream.hashed)

    @property
    def filled(self) -> Extents:
        """What is there now of a part that is filled out of order."""
        return None if self.coverage is None or self.distrusted else self.coverage.filled

    @property
    def pristine(self) -> bool:
        """Whether nothing is there that `begin` would have to forget."""
        used = self.written or self.record.on_disk or self.distrusted
        return self._stream is not None and not used

    @property
    def written(self) -> int:
        """Bytes from the start without a gap; `held` are those before the first unproven place."""
        if self._stream is None or self._given_up or self.distrusted:
            return 0
        return self._stream.written if self.coverage is None else self.coverage.prefix

    def open(self) -> None:
        """Open the part, and take over what an earlier attempt left, if it is of this file.

        Raises:
            ArchiveAbsent: Another archive is expected.
            Busy: Another writer has it.
        """
        with self._turns.alone():
            self._ground.identity.check()
            fd = self._disk.open(self.path, os.O_RDWR | os.O_CREAT)
            try:
                only_writer(self._disk, fd, self._download.name)
                self._take_over(fd)
            except BaseException:
                self._release(fd)
                raise

    def take_in(self, held: Held, pieces: Sequence[bytes]) -> None:
        """Open the part anew, with what was held of it elsewhere: less than needs a journal."""
        with self._turns.alone():
            self.open()
            self.begin(held.validator, held.total, held.promises)
            with self._alone() as stream:
                stream.append(pieces)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return what is on disk from `offset`."""
        with self._alone() as stream:
            return stream.read_at(offset, size)

    def begin(self, validator: str | None, total: int | None, promises: Mapping[str, str]) -> None:
        """Forget all bytes; those to come belong to `validator`. A `pristine` part has none."""
        self._sound()
        if not self.pristine:
            with self._alone() as stream:
                self._forget(stream)
        self.record.begin(validator, total, promises)

    def distrust(self) -> None:
        """Let nothing of it be built on, whatever the disk does from now on."""
        self.distrusted = True

    def append(self, pieces: Sequence[bytes]) -> None:
        with self._alone() as stream:
            if self._needs_journal(stream, sum(map(len, pieces))):
                self.record.write()
            stream.append(pieces)

    def absorb(self, source: Source, most: int) -> None:
        """Append what `source` gives, at most `most` bytes."""
        with self._beside() as stream:
            if self._needs_journal(stream, most):
                self.record.write()
            stream.absorb(source, most)

    def scatter(self, total: int) -> Coverage:
        """Let the part be filled out of order; the journal says so before it is."""
        with self._alone() as stream:
            self.record.of_total(total)
            return self._fill_out_of_order(Coverage(total, [(0, stream.written)]))

    def fill(self, source: Source, most: int, claim: Segment) -> None:
        """Write what `source` gives where `claim` stands, at most `most` bytes."""
        with self._beside() as stream:
            stream.fill(source, most, claim)

    def follow(self, upto: int) -> None:
        """Hash a slice of what was not hashed yet before `upto`.

        Raises:
            Rotten: The disk holds other bytes than were written.
        """
        try:
            with self._beside() as stream:
                stream.catch_up(upto)
        except Rotten:
            self._rotten = True
            raise

    def checkpoint(self, filled: Extents) -> None:
        """Flush the bytes, then say so in the journal; never the other way round (rule 43).

        `filled` is what is there of a part that is filled out of order.
        """
        with self._beside() as stream:
            self._flush(stream, filled=filled)
            self.record.write(stream.marks)

    def sha256(self) -> str:
        """Return the digest of all bytes.

        Raises:
            WrongBytes: Not as many were hashed as were written.
        """
        stream = self._sound()
        if stream.hashed != self.written:
            raise WrongBytes(f"{self.written} bytes were written, {stream.hashed} were hashed")
        return stream.sha256

    def examine(self, kind: MediaKind, sized: bool) -> Examination:  # noqa: FBT001 - threads pass by position
        """Return what the bytes show."""
        with self._turns.alone():
            return examine(kind, self._sound().read_at, self.written, sized=sized)

    def finish(self) -> str:
        """Flush the bytes, and close the part; return their digest. Its journal stays."""
        with self._turns.alone():
            stream = self._sound()
            if self._disk.size(stream.fd) != self.written:
                self._give_up()
                name = self._download.name
                raise IoFailed(f"the part of {name} is not as long as what was written")
            with self._distrusting():
                self._disk.fchmod(stream.fd, self._ground.file_mode)
            self._flush(stream, mode=True)
            sha256 = self.sha256()
            self._finish.make_room(sha256)
            self._close(stream)
            return sha256

    def set_aside(self, reason: str) -> None:
        """Move the bytes into quarantine, and go on with an empty part."""
        with self._alone() as stream:
            self._ground.quarantine.take(self.path, self._download, self.held, reason)
            self._close(stream)
            self.record.drop()
            self.open()

    def leave(self) -> None:
        """Close the part so that its bytes can be built on later, if the disk lets us.

        A part that cannot be made safe is given up without a word: nothing depends on it, and
        what made the caller leave must not be hidden.
        """
        with self._turns.alone():
            stream = self._stream
            if stream is None:
                return
            try:
                self._settle(stream)
            except OSError as error:
                self._give_up(error)
            if self.distrusted:
                self._wipe(stream)
            with suppress(OSError):
                self._close(stream)

    def _wipe(self, stream: HashedFile) -> None:
        """Remove what nobody may build on, in each way that the disk may still obey."""
        with suppress(OSError):
            stream.forget()
        self.record.discard()
        with suppress(OSError):
            self._disk.unlink(self.path)

    def _settle(self, stream: HashedFile) -> None:
        if self._rotten and stream.hashed > self.held.size:
            self.distrusted = True  # among what is good there is what is unproven
        if self.distrusted:
            return
        if self._rotten:
            self._cut(stream)
        if self._given_up or not (self.written or self.filled):
            self._give_up()
            return
        if self.coverage is not None or self.record.journal.durable < stream.written:
            self._flush(stream, filled=self.filled)
        older = self.record.on_disk
        try:
            self.record.write(stream.marks)
        except OSError:
            if not older:  # an older one says less, but nothing wrong
                raise

    def _cut(self, stream: HashedFile) -> None:
        """Forget what lies behind the last byte that is known to be good."""
        stream.cut()
        self.coverage = None
        self.record.cut(stream.written)

    def _take_over(self, fd: int) -> None:
        size = self._disk.size(fd)
        kept, coverage = self.record.take_over(size)
        if self._download.distrusted:
            kept, coverage = 0, None
            self.record.begin(None, None, {})
        self._stream = stream = HashedFile(self._disk, fd, kept, self.record.marks)
        if coverage is not None:
            self._fill_out_of_order(coverage)
        elif kept and size > kept:
            self._disk.truncate(fd, kept)
        elif not kept and (size or self.record.on_disk):
            self._forget(stream)

    def _fill_out_of_order(self, coverage: Coverage) -> Coverage:
        """Make durable what is there, and say so."""
        stream = self._sound()
        self._flush(stream, filled=coverage.filled)
        with self._distrusting():
            self.record.write(stream.marks)
        self.coverage = coverage
        return coverage

    def _needs_journal(self, stream: HashedFile, more: int) -> bool:
        """Return whether the journal is to be written before the part grows by `more` bytes."""
        return stream.written + more > _JOURNAL_FROM and not self.record.on_disk

    def _forget(self, stream: HashedFile) -> None:
        """Cut the part to nothing before its journal goes: bytes never outlive what says whose."""
        stream.forget()
        self.coverage, self._rotten = None, False
        self.record.drop()
        self.distrusted = False

    def _flush(self, stream: HashedFile, *, mode: bool = False, filled: Extents = None) -> None:
        written = stream.written
        try:
            (self._disk.fsync if mode else self._disk.fdatasync)(stream.fd)
        except OSError as error:
            self._give_up(error, bytes_lost=True)
            raise
        self.record.flushed(written, filled)

    def _give_up(self, cause: OSError | None = None, *, bytes_lost: bool = False) -> None:
        """Use the part no more; remove its names, as far as the disk still obeys.

        Where only the way to the disk failed, its bytes are as after a crash, and are kept.
        """
        self._given_up, self._cause = True, cause or self._cause
        if self._cause is not None and not bytes_lost and leaves_bytes(self._cause.errno):
            return
        self.record.discard()
        with suppress(OSError):
            self._disk.unlink(self.path)

    def _close(self, stream: HashedFile) -> None:
        self._release(stream.fd)

    def _release(self, fd: int) -> None:
        """Close the file: who keeps `fd` open keeps every writer out."""
        self._stream = self.coverage = None
        self._disk.close(fd)

    def _sound(self) -> HashedFile:
        if self._cause is not None:
            raise OSError(*self._cause.args)
        if self._stream is None or self._given_up:
            raise IoFailed(f"the part of {self._download.name} was given up after a failed disk")
        return self._stream

    @contextmanager
    def _alone(self) -> Iterator[HashedFile]:
        """Work on the file while nobody else does; give the part up if the disk fails."""
        with self._turns.alone():
            stream = self._sound()
            with self._distrusting():
                yield stream

    @contextmanager
    def _beside(self) -> Iterator[HashedFile]:
        """Work on the file beside others; give the part up if the disk fails."""
        with self._turns.beside():
            stream = self._sound()
            with self._distrusting():
                yield stream

    @contextmanager
    def _distrusting(self) -> Iterator[None]:
        """Give the part up if the disk fails otherwise than by being full."""
        try:
            yield
        except OSError as error:
            if error.errno not in FULL and error is not self._cause:
                self._give_up(error)
            raise

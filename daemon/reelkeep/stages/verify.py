"""Decide whether a complete part is the file that was promised, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reelkeep.core.digests import broken, level, needed
from reelkeep.core.examination import Examination, Structure
from reelkeep.core.media import MediaKind
from reelkeep.core.model import ANY_BYTES, Download, Level
from reelkeep.errors import Damaged, DigestMismatch, SizeMismatch, TransferError, Unreachable
from reelkeep.ports import Inspection, Part
from reelkeep.stages.stream import Arrived, download_kind

_UNKNOWN_INSIDE = (MediaKind.OPAQUE, MediaKind.PAGE, MediaKind.TEXT)
_OPEN_ENDED = (*_UNKNOWN_INSIDE, MediaKind.VTT)
"""Kinds that look whole wherever they are cut."""

_OVERRULED = "accepted by the operator"
_TWICE = "the same bytes came twice"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a verified part; `reason` is the code of a check that was overruled."""

    size: int
    sha256: str
    level: Level
    reason: str | None = None
    note: str | None = None
    label: str | None = None  #: A Content-Encoding of its host that names no encoding.


@dataclass(frozen=True, slots=True)
class _Witnesses:
    """All that is known of a complete part."""

    download: Download
    inspection: Inspection
    sized: bool  #: Somebody announced its size, and that is right.
    proven: Level | None  #: How far promised digests prove it.
    examination: Examination
    ended: bool  #: Somebody told where it ends.
    error: TransferError | None  #: Why it is not believed.


async def verify(download: Download, part: Part, arrived: Arrived) -> Proof:
    """Return the proof for `part`, whose last bytes have `arrived` (rules 36 to 41).

    What a range promises is checked where the part's own promises are silent. Bytes that do not
    fit are believed if a promised digest proves them, if they came twice and somebody told where
    they end, or if the operator accepts them; an error page only if the operator does.

    Raises:
        SizeMismatch, DigestMismatch, Damaged: These are not the promised bytes.
        Unreachable: Nothing tells whether these are all the bytes; ask for them once more.
    """
    found = await _witnesses(download, part, arrived)
    error = found.error
    if error is None:
        return replace(_proof(found), label=arrived.label)
    proof = _overruled(found, error)
    if proof is None:
        error.sha256 = found.inspection.sha256
        raise error
    return replace(proof, label=arrived.label)


async def _witnesses(download: Download, part: Part, arrived: Arrived) -> _Witnesses:
    held = part.held
    promises = {**arrived.promises, **held.promises}
    inspection = await part.inspect(needed(promises))
    actual = {**inspection.digests, "sha256": inspection.sha256}
    error = _mismatch((download.size, held.total), promises, inspection, actual)
    examination, proven = Examination(), None
    sized = download.size is not None or held.total is not None
    if error is None:
        proven = level(promises, actual)
        right = download.size == inspection.size
        examination = await part.examine(download.file_type, sized=right)
        told = proven is not None or sized or arrived.framed
        if examination.fault is not None:
            error = Damaged(examination.fault)
        elif not told and download_kind(download) in _OPEN_ENDED:
            error = Unreachable(
                "nothing says where this file ends; it is read once more to compare"
            )
    ended = sized or arrived.framed
    return _Witnesses(download, inspection, sized, proven, examination, ended, error)


def _mismatch(
    sizes: tuple[int | None, ...], promises: Mapping[str, str], inspection: Inspection,
    actual: Mapping[str, str],
) -> TransferError | None:  # fmt: skip
    for promised in sizes:
        if promised not in (None, inspection.size):
            return SizeMismatch(f"{promised} bytes were promised, {inspection.size} came")
    name = broken(promises, actual)
    if name is not None:
        return DigestMismatch(f"the {name} of what came is not the promised one")
    return None


def _overruled(found: _Witnesses, error: TransferError) -> Proof | None:
    """Return the proof for bytes that a check does not believe, if there is another reason to."""
    sha256 = found.inspection.sha256
    same = found.download.seen == sha256
    if found.download.accepts in (ANY_BYTES, sha256):
        return _accepted(found, error, _OVERRULED)
    if isinstance(error, Unreachable):
        return _proof(found) if same else None
    if not isinstance(error, Damaged) or found.examination.is_no_file:
        return None
    if found.proven is not None:
        return _accepted(found, error, "a digest that its host promised is right")
    return _accepted(found, error, _TWICE) if same and found.ended else None


def _accepted(found: _Witnesses, error: TransferError, why: str) -> Proof:
    """Return the proof for bytes that are believed all the same; a broken promise is no proof."""
    broken_promise = isinstance(error, SizeMismatch | DigestMismatch)
    sure = found.proven or structural_level(Structure.NONE, sized=found.sized)
    level_of_it = Level.NONE if broken_promise else sure
    size, sha256 = found.inspection.size, found.inspection.sha256
    return Proof(size, sha256, level_of_it, error.code, f"{error}; {why}")


def _proof(found: _Witnesses) -> Proof:
    return Proof(
        found.inspection.size,
        found.inspection.sha256,
        found.proven or structural_level(found.examination.structure, sized=found.sized),
        note=found.examination.note,
    )


def structural_level(structure: Structure, *, sized: bool) -> Level:
    """Return the level that size and structure alone give."""
    if structure is Structure.NONE:
        return Level.SIZE if sized else Level.NONE
    if not sized:
        return Level.CONTAINER
    deep = structure is Structure.SAMPLES
    return Level.SIZE_SAMPLES if deep else Level.SIZE_CONTAINER


def level_of_kept(download: Download) -> Level:
    """Return the level of a finished file that an earlier process left, without a look inside."""
    inside = download_kind(download) in (MediaKind.MP4, MediaKind.JPEG)
    overruled = download.accepts is not None or download.seen is not None
    structure = Structure.CONTAINER if inside and not overruled else Structure.NONE
    return structural_level(structure, sized=download.size is not None)


def proof_of_recalled(download: Download, found: Inspection) -> Proof:
    """Return the proof for quarantined bytes that the operator accepts."""
    fits = download.reason in (Damaged.code, "encoded") and download.size == found.size
    sure = Level.SIZE if fits else Level.NONE
    note = f"{_OVERRULED} after it failed as {download.reason or 'unknown'}, from quarantine"
    return Proof(found.size, found.sha256, sure, download.reason, note)

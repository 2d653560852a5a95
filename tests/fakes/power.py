"""What a power cut may leave of a model disk.

Each effect that was not flushed may have happened or not, alone and in any company. Of a file
whose bytes were not flushed, any of `Remains` may be there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b

from fakes.model_disk import (
    Effect,
    Flushed,
    Moded,
    ModelDisk,
    Moved,
    Named,
    Node,
    Nodes,
    Sized,
    Wrote,
    apply,
    copy_of,
    tree,
)

_NAMING = Named | Moved


class Remains(Enum):
    """What is there of bytes that were not flushed."""

    NOTHING = "nothing"  #: The file is as it was when it was flushed last.
    ALL = "all"
    HALF = "half"  #: The first half of the writes, and of the last one half the bytes.
    ZEROS = "zeros"  #: The size is right, and noughts are where the bytes should be.
    RUBBISH = "rubbish"  #: The size is right, and old blocks of others are there.
    LATER = "later"  #: All but the first write: where that should be is nought.


@dataclass(frozen=True)
class Pending:
    """What a cut after so many effects finds unflushed; everything before it is certain."""

    upto: int
    certain: frozenset[int]
    doubled: frozenset[int]  #: Moves whose new name is certain, but not that the old one is gone.
    loose: tuple[int, ...]  #: Effects that may have happened.
    files: tuple[int, ...]  #: Nodes with bytes that were not flushed.


@dataclass(frozen=True)
class Choice:
    """One of the things that may have happened."""

    happened: frozenset[int]
    remains: Mapping[int, Remains]


def pending(disk: ModelDisk, upto: int) -> Pending:
    """Return what is loose after the first `upto` effects of the log of `disk`."""
    flushed: set[int] = set()
    modes: set[int] = set()
    certain: set[int] = set()
    doubled: set[int] = set()
    loose: list[int] = []
    files: dict[int, None] = {}
    for index in range(upto - 1, -1, -1):
        match disk.log[index]:
            case Flushed(node, mode):
                flushed.add(node)
                modes |= {node} if mode else set()
            case Named(directory):
                (certain.add if directory in flushed else loose.append)(index)
            case Moved(source, _, directory, _, node):
                if directory not in flushed:
                    loose.append(index)
                elif source in flushed or disk.nodes[node].is_directory:  # has one parent
                    certain.add(index)
                else:
                    doubled.add(index)
            case Moded(node):
                (certain.add if node in modes else loose.append)(index)
            case Wrote(node) | Sized(node):
                if node in flushed:
                    certain.add(index)
                else:
                    files[node] = None
    return Pending(upto, frozenset(certain), frozenset(doubled), tuple(loose[::-1]), tuple(files))


def choices(what: Pending, rng: random.Random, throws: int) -> Iterator[Choice]:
    """Yield what may have happened: nothing, all, each alone, each missing, and some at random."""
    everything = frozenset(what.loose) | what.doubled
    for remains in Remains:
        bytes_ = dict.fromkeys(what.files, remains)
        yield Choice(everything, bytes_)
        yield Choice(frozenset(), bytes_)
    whole = dict.fromkeys(what.files, Remains.ALL)
    for one in everything:
        for bytes_ in (whole, dict.fromkeys(what.files, Remains.NOTHING)):
            yield Choice(frozenset({one}), bytes_)
            yield Choice(everything - {one}, bytes_)
    for node in what.files:
        for remains in Remains:
            yield Choice(everything, whole | {node: remains})
    for _ in range(throws):
        some = frozenset(one for one in everything if rng.random() < 0.5)
        yield Choice(some, {node: rng.choice(list(Remains)) for node in what.files})


def after_cut(disk: ModelDisk, what: Pending, choice: Choice) -> Nodes:
    """Return what the machine finds if `choice` is what happened."""
    nodes = copy_of(disk.before)
    nodes |= {number: Node(mode) for number, mode in disk.births.items()}
    writes: dict[int, list[Effect]] = {}
    for index, effect in enumerate(disk.log[: what.upto]):
        if isinstance(effect, Wrote | Sized) and index not in what.certain:
            writes.setdefault(effect.node, []).append(effect)
        elif index in what.certain or index in choice.happened:
            apply(effect, nodes)
        elif index in what.doubled and isinstance(effect, Moved):
            nodes[effect.directory].names[effect.name] = effect.node
    for number, effects in writes.items():
        _write(nodes, number, effects, choice.remains[number])
    return nodes


def mark(nodes: Nodes) -> bytes:
    """Return a digest of a file system that does not depend on unreachable nodes."""
    found = blake2b(digest_size=16)
    waiting = [1]
    while waiting:
        number = waiting.pop()
        node = nodes[number]
        found.update(f"{number} {node.mode} {sorted(node.names.items())} ".encode())
        found.update(node.content)
        waiting += sorted(node.names.values())
    return found.digest()


def _write(nodes: Nodes, number: int, effects: list[Effect], remains: Remains) -> None:
    content = nodes[number].content
    match remains:
        case Remains.NOTHING:
            return
        case Remains.HALF:
            effects = _half(effects)
        case Remains.ZEROS:
            effects = [_filled(each, 0) for each in effects]
        case Remains.RUBBISH:
            effects = [_filled(each, 0x5A) for each in effects]
        case Remains.LATER:
            effects = [_filled(effects[0], 0), *effects[1:]]
        case Remains.ALL:
            pass
    for effect in effects:
        apply(effect, nodes)
    nodes[number].content = content


def _half(effects: list[Effect]) -> list[Effect]:
    kept = effects[: (len(effects) + 1) // 2]
    last = kept[-1]
    if isinstance(last, Wrote):
        kept[-1] = Wrote(last.node, last.offset, last.data[: len(last.data) // 2])
    return kept


def _filled(effect: Effect, value: int) -> Effect:
    if isinstance(effect, Wrote):
        return Wrote(effect.node, effect.offset, bytes([value]) * len(effect.data))
    return effect


def durable(disk: ModelDisk) -> dict[str, bytes]:
    """Return the files that are there after a cut now, if nothing happened that need not have."""
    what = pending(disk, len(disk.log))
    nothing = Choice(frozenset(), dict.fromkeys(what.files, Remains.NOTHING))
    return tree(after_cut(disk, what, nothing))

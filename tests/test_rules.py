"""What a download must hold to, and what went wrong elsewhere: each has its test.

A test names what it proves: `test_rule_13_…`, `test_bugs_6_and_7_…`, or a parameter whose id begins
with `rule-13-`. Rules are (b) of the transfer notes, bugs (c); here each has one line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

RULES = {
    1: "A part is known by whose file it is, its size and version; never by its address.",
    2: "The validator is kept before the first byte, and anew with each restart.",
    3: "If-Range is sent with a strong validator only, and only with a Range.",
    4: "Ranges are joined if one strong validator, or a digest of the whole, holds for all.",
    5: "A 200 to an If-Range begins anew; it is no loop.",
    6: "The version of every 206 is compared, as If-Range may be ignored.",
    7: "Ranges side by side are all of one version.",
    8: "A 206 is taken if its Content-Range is exactly what was asked for, of what is known.",
    9: "A range may be shorter than asked for: that is progress, and not the end.",
    10: "A 200 to a range begins anew: bytes, hash, size and validator.",
    11: "A 200 with a Content-Range is not guessed at: all is asked for, without a range.",
    12: "Several ranges in one reply were never asked for.",
    13: "A 416 writes nothing; it is the end only if size and digest say so.",
    14: "What is all here is verified without a request; no request asks for nothing.",
    15: "Identity is asked for, and any other coding refused.",
    16: "Length and transfer coding together are refused.",
    17: "A body that just ends is whole only if something else says so.",
    18: "A page is not the file: type and first bytes are looked at before anything is kept.",
    19: "A length is a number or unknown; more bytes than announced are an error.",
    20: "Redirects are followed by us: few, never to http, each hop's headers made from scratch.",
    21: "Credentials go to nobody whose address is signed.",
    22: "An address is a short-lived secret: renewed once at a time, and not told.",
    23: "Refused again after a renewal, it is about us, and not tried again at once.",
    24: "A part has one writer, and each write its offset.",
    25: "Who fetches a file is decided by the catalog; locks come second.",
    26: "Names of parts are digests of the whole identity, and short.",
    27: "A write may be short, and a full disk may be told late.",
    28: "Being stopped waits for the write under way before anything is closed.",
    29: "Memory is bounded in bytes.",
    30: "A writer that fails ends the reader; nobody waits for a queue.",
    31: "Time in which we did not read is no stall.",
    32: "What came before a break is not dropped with the connection.",
    33: "What is hashed is what was written, in its order.",
    34: "Resuming hashes what is on the disk anew, and finds damage there.",
    35: "Ranges side by side give a digest of the whole, too.",
    36: "Each digest field is believed for what it is defined to cover.",
    37: "Digests of other bytes than ours neither prove nor accuse.",
    38: "An ETag is a validator; it may be an MD5 at S3 only.",
    39: "The level of verification is recorded, and is what was really shown.",
    40: "Wrong bytes are put aside and fetched from the first one, a few times only.",
    41: "Nothing gets a name before it was verified.",
    42: "Flush, name, flush the name, commit, and only then tell the provider.",
    43: "An offset is committed after its bytes were flushed; what lies behind it is cut.",
    44: "The size of a file on the disk is no progress.",
    45: "Nothing is preallocated in a way that may freeze.",
    46: "A failed flush is final: its bytes are fetched again.",
    47: "Notes that cannot be read mean to start over, and are no reason to fail.",
    48: "Nothing that has its name is ever overwritten.",
    49: "After a crash all that is there is taken up, reported or tidied.",
    50: "Each failure is passing or final by what caused it.",
    51: "Attempts without a new byte count; delays grow, spread, and give way to Retry-After.",
    52: "Who waits holds no slot, and a host's wish holds for all of its files.",
    53: "The sequence of delays is written down in a test.",
    54: "No transfer has a deadline; silence and drips have.",
    55: "After a stall another connection goes on, and another address of the host.",
    56: "One stream is the rule; a range that is ignored costs no attempt.",
    57: "A host has a limit, and gets fewer when it finds them too many.",
    58: "A file is admitted if there is room for all that is under way; others go on.",
}

BUGS = {
    1: "huggingface_hub#3778: a 200 was appended to the part",
    2: "huggingface_hub#4306: locks that lock nobody, and O_APPEND",
    3: "huggingface_hub#4351: an exception of a broken body was none to retry",
    4: "pip#14131: a 206 from another start was taken",
    5: "pip fb2221c97: a validator outlived its restart",
    6: "curl#1163: the page of a 416 was appended",
    7: "curl#6740: a 416 with a Content-Range broke a complete file",
    8: "curl#1084: a retry began from nought",
    9: "curl#3380: a second run appended to the first one's file",
    10: "rclone#6980: an ignored range, cut to its length",
    11: "rclone#7759: retries mutated the ranges they shared",
    12: "rclone#7071: a failed copy overwrote a good file",
    13: "rclone#7590: blocks were counted twice",
    14: "rclone c5a3e86df: names of parts collided",
    15: "rclone#9722: a source that ended early was a success",
    16: "aria2#1644: notes were ahead of the data",
    17: "aria2#2393: no way on without ranges",
    18: "aria2#1278: a part without notes looked complete",
    19: "aria2#473: length and chunks both",
    20: "aria2#1176: credentials followed a redirect",
    21: "parfive: a dead writer was waited for",
    22: "pulpcore#2135: a retry kept digests of the attempt before",
    23: "pulpcore#7064: files waiting for a stage filled the disk",
    24: "xet-core#893: the second retry slept for hours",
    25: 'aiohttp#13348: "received N of N"',
    26: "aiohttp#10169: an unread reply went back to the pool",
    27: "aiohttp#12953: a time-out of an idle connection spoilt its next reply",
    28: "aiohttp#3067: five minutes for any download",
    29: "s5cmd: the source was deleted before the rename",
    30: "pypdl: a crash while segments were joined",
    31: "bandersnatch: temporary files were left by any failure",
    32: "apt, Varnish and others: ranges broken on the way",
    33: "zat#12: a login page was saved as the recording",
    34: "drive9#138: a signed address ran out on the way",
    35: "aiosqlite#251: locked at once, in spite of the time-out",
    36: "owncloud#2708: a compressed reply was joined to a plain one",
}

CANNOT_HAPPEN = {
    (
        "bug",
        2,
    ): "two processes never have one file: the catalog, on a local disk, hands it out once",
    ("bug", 23): "nothing waits beside its place: a finished file is renamed, not copied, and what "
    "is free is asked before each one",
}

_FUNCTION = re.compile(r"(rule|bug)s?((?:(?:_and)?_\d+)+)")
_ID = re.compile(r"(rule|bug)-(\d+)-[a-z0-9.-]+")


def names_in(path: Path) -> Iterator[tuple[str, int]]:
    """Yield what tests of a module name: its test functions, and ids of parameters."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test_"):
                for kind, numbers in _FUNCTION.findall(node.name):
                    yield from ((kind, int(number)) for number in re.findall(r"\d+", numbers))
        elif isinstance(node, ast.Constant) and (match := _ID.fullmatch(str(node.value))):
            yield match[1], int(match[2])


@pytest.fixture(scope="module")
def named() -> set[tuple[str, int]]:
    """Everything that any test names."""
    modules = [*TESTS.rglob("test_*.py"), *(TESTS / "hostile").glob("*.py")]
    return {name for path in modules for name in names_in(path)}


@pytest.mark.parametrize(("kind", "known", "count"), [("rule", RULES, 58), ("bug", BUGS, 36)])
def test_all_are_listed(kind: str, known: dict[int, str], count: int) -> None:
    assert list(known) == list(range(1, count + 1)), kind


def test_each_has_a_test_or_a_reason_why_it_cannot_happen(named: set[tuple[str, int]]) -> None:
    known = {("rule", n) for n in RULES} | {("bug", n) for n in BUGS}
    assert known - named - CANNOT_HAPPEN.keys() == set(), "these have no test"
    assert named - known == set(), "tests name what is not listed"
    assert named & CANNOT_HAPPEN.keys() == set(), "what cannot happen has a test"


def test_names_are_read_from_functions_and_ids(tmp_path: Path) -> None:
    module = tmp_path / "test_it.py"
    module.write_text(
        "def test_rules_1_and_22_bug_3_of_4_things(): 'rule 7'\n"
        "async def test_bug_5_x(): pytest.param(id='rule-6-x')\n"
        "def rule_8_no_test(): pass\n"
    )
    assert sorted(names_in(module)) == [
        ("bug", 3), ("bug", 5), ("rule", 1), ("rule", 6), ("rule", 22),
    ]  # fmt: skip

from __future__ import annotations

from itertools import product

import pytest

from reelkeep.core.identity import (
    Evidence,
    Ruling,
    decode_identity,
    encode_identity,
    refusal,
    rule,
)

ONE, TWO = "1" * 32, "2" * 32
NO, YES = False, True

TABLE = [
    # catalog, archive, holds, recognised -> ruling
    (None, None, NO, NO, Ruling.BEGIN, "both are new, or the catalog of an old archive is lost"),
    (None, None, YES, NO, Ruling.ABSENT, "the previous version's catalog, and an empty folder"),
    (None, None, YES, YES, Ruling.BEGIN, "catalog and archive of the previous version"),
    (None, ONE, NO, NO, Ruling.TAKE, "the catalog is lost, or two catalogs share an archive"),
    (None, ONE, YES, NO, Ruling.OTHER, "the previous version's catalog, and another archive"),
    (None, ONE, YES, YES, Ruling.TAKE, "a backup of the catalog from before it had an identity"),
    (ONE, ONE, NO, NO, Ruling.OPEN, "nothing is stored yet"),
    (ONE, ONE, YES, NO, Ruling.OPEN, "all files were lost, but the archive is the right one"),
    (ONE, ONE, YES, YES, Ruling.OPEN, "an ordinary start"),
    (ONE, None, NO, NO, Ruling.ABSENT, "nothing is stored yet, and the disk is not mounted"),
    (ONE, None, YES, NO, Ruling.ABSENT, "the disk is not mounted"),
    (ONE, None, YES, YES, Ruling.ABSENT, "the folders were copied, and .reelkeep was not"),
    (ONE, TWO, NO, NO, Ruling.OTHER, "archive.path points at another archive"),
    (ONE, TWO, YES, NO, Ruling.OTHER, "another disk is mounted"),
    (ONE, TWO, YES, YES, Ruling.OTHER, "an archive that a copy of the catalog began anew"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("catalog", "archive", "holds", "recognised", "ruling"), [row[:5] for row in TABLE],
    ids=[row[5] for row in TABLE],
)  # fmt: skip
def test_who_is_let_in(
    catalog: str | None, archive: str | None, holds: bool, recognised: bool, ruling: Ruling
) -> None:
    evidence = Evidence(catalog=catalog, archive=archive, holds=holds, recognised=recognised)
    assert rule(evidence) is ruling


def test_the_table_has_every_case_that_can_be() -> None:
    """Where the catalog holds nothing, nothing can be recognised."""
    cases = {row[:4] for row in TABLE}
    for catalog, archive, (holds, recognised) in product(
        (None, ONE), (None, ONE), ((NO, NO), (YES, NO), (YES, YES))
    ):
        assert (catalog, archive, holds, recognised) in cases


def test_whoever_knows_stored_files_never_begins_in_a_place_without_them() -> None:
    for catalog, archive in product((None, ONE, TWO), (None, ONE, TWO)):
        found = Evidence(catalog=catalog, archive=archive, holds=True, recognised=False)
        assert rule(found) not in (Ruling.BEGIN, Ruling.TAKE)


@pytest.mark.parametrize("ruling", Ruling)
def test_a_refusal_names_the_place_and_a_remedy(ruling: Ruling) -> None:
    told = refusal(ruling, "/srv/archive")
    if ruling in (Ruling.ABSENT, Ruling.OTHER):
        assert told is not None
        assert "/srv/archive" in told
        assert "mounted" in told
    else:
        assert told is None


def test_an_identity_is_read_as_it_was_written() -> None:
    assert decode_identity(encode_identity(ONE)) == ONE


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 50, b"[]", b"{}", b'"1"', b'{"identity": null}', b'{"identity": "1"}', b"\xff",
     b'{"identity": "' + b"G" * 32 + b'"}', b"[" * 4000],
)  # fmt: skip
def test_what_is_no_identity_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="holds no identity"):
        decode_identity(content)

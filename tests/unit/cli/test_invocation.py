from __future__ import annotations

import os
from pathlib import Path

import pytest

from reelkeep.cli.invocation import locate_file
from reelkeep.errors import ConfigError


def test_the_option_wins(tmp_path: Path) -> None:
    given_file = tmp_path / "given.yaml"
    given_file.touch()
    environ = {"REELKEEP_CONFIG": str(tmp_path / "other.yaml")}
    assert locate_file(given_file, environ) == given_file


def test_then_the_environment(tmp_path: Path) -> None:
    named = tmp_path / "named.yaml"
    named.touch()
    assert locate_file(None, {"REELKEEP_CONFIG": str(named)}) == named


def test_then_the_first_usual_place_that_exists(tmp_path: Path) -> None:
    (tmp_path / "b").touch()
    (tmp_path / "c").touch()
    places = [tmp_path / name for name in "abc"]
    assert locate_file(None, {}, places) == tmp_path / "b"


def test_all_places_are_told_when_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        locate_file(None, {}, [tmp_path / "a", tmp_path / "b"])
    for place in ("--config", "$REELKEEP_CONFIG", str(tmp_path / "a"), str(tmp_path / "b")):
        assert place in str(caught.value)


@pytest.mark.parametrize(
    ("option", "environ", "by"),
    [("nope", {}, "--config"), (None, {"REELKEEP_CONFIG": "nope"}, "[$]REELKEEP_CONFIG")],
)
def test_a_named_file_that_is_not_there_is_not_passed_over(
    option: str | None, environ: dict[str, str], by: str, tmp_path: Path
) -> None:
    (tmp_path / "usual").touch()
    with pytest.raises(ConfigError, match=f"{by} names nope"):
        locate_file(option, environ, [tmp_path / "usual"])


def test_what_is_no_regular_file_is_called_so(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(ConfigError, match="which is not a regular file"):
            locate_file(tmp_path / name, {}, [])

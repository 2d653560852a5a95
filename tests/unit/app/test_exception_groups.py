from __future__ import annotations

import pytest
from anyio import BrokenResourceError

from reelkeep.app.exception_groups import causes_of, unwrapped
from reelkeep.errors import Busy, CatalogError


def group(*errors: Exception) -> ExceptionGroup[Exception]:
    return ExceptionGroup("outer", [ExceptionGroup("inner", errors)])


def test_an_error_of_ours_leaves_its_groups() -> None:
    with pytest.raises(Busy, match="held by"), unwrapped():
        raise group(Busy("held by another"))


def test_what_its_neighbours_raised_is_left_behind() -> None:
    with pytest.raises(CatalogError), unwrapped():
        raise group(BrokenResourceError(), CatalogError("broken"))


def test_a_bug_keeps_its_group() -> None:
    with pytest.raises(ExceptionGroup), unwrapped():
        raise group(CatalogError("broken"), KeyError("a bug"))


def test_an_error_without_a_group_is_left_alone() -> None:
    with pytest.raises(Busy), unwrapped():
        raise Busy("held")


def test_the_causes_are_named_in_a_line() -> None:
    error = group(BrokenResourceError(), KeyError("a"), KeyError("a"), CatalogError("broken"))
    assert causes_of(error) == "KeyError: 'a'; CatalogError: broken"


def test_echoes_alone_are_named_all_the_same() -> None:
    assert causes_of(group(BrokenResourceError())).startswith("BrokenResourceError")

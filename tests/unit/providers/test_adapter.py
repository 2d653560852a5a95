"""How types of providers are found."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from reelkeep.errors import ConfigError
from reelkeep.providers import adapter
from reelkeep.providers.adapter import Installed


def test_our_own_types_are_installed() -> None:
    assert {"gotoassist", "zoom", "zoom-videosdk"} <= set(Installed())


def test_an_unknown_type_is_not_in_the_mapping() -> None:
    assert "gotoasist" not in Installed()


def test_a_type_that_cannot_be_imported_is_a_configuration_fault() -> None:
    broken = EntryPoint("broken", "reelkeep.nowhere:ADAPTER", adapter.GROUP)
    with pytest.raises(ConfigError, match="broken cannot be imported"):
        adapter._loaded(broken)


def test_what_is_no_adapter_is_refused() -> None:
    other = EntryPoint("other", "reelkeep.errors:Error", adapter.GROUP)
    with pytest.raises(ConfigError, match="other is no Adapter"):
        adapter._loaded(other)

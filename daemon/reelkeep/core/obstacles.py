"""Why a file that a provider names cannot be downloaded now, and what helps.

The codes are a closed list: they stand in the catalog, in manifests and in the manual.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Obstacle(StrEnum):
    """What stands between a file and its download."""

    IN_TRASH = "in_trash"  #: In the provider's trash, without an address.
    EXTERNAL_STORAGE = "external_storage"  #: In the account's own storage.
    PARTICIPANT_AUDIO = "participant_audio"  #: Announced; perhaps audio that was not asked for.
    NOT_LISTED = "not_listed"  #: Announced, but not listed.
    ON_PREMISE = "on_premise"  #: On the account's own premises: never to be downloaded.


NOT_WANTED = frozenset({Obstacle.ON_PREMISE})
"""Obstacles of files that nobody expects: they are `skipped`. All others are `unavailable`."""

EXPLANATIONS: Mapping[Obstacle, str] = MappingProxyType(
    {
        Obstacle.IN_TRASH: (
            "it is in the provider's trash, which gives no address to download from; recover it in "
            "Zoom's trash, and it is fetched"
        ),
        Obstacle.EXTERNAL_STORAGE: (
            "it is in the account's own storage, and there is no address to download it from; copy "
            "it from there, or waive it"
        ),
        Obstacle.PARTICIPANT_AUDIO: (
            "the audio of participants was not asked for; set participant_audio: true, or exclude "
            "the recording type participant_audio"
        ),
        Obstacle.NOT_LISTED: (
            "look at the recording in the provider's web pages; retry asks for it again"
        ),
        Obstacle.ON_PREMISE: "on-premise: nothing to download",
    }
)
"""Each in a sentence, with what helps."""

_FORMER: Mapping[str, Obstacle] = MappingProxyType(
    {
        "external storage": Obstacle.EXTERNAL_STORAGE,
        "in the trash, without an address to download from": Obstacle.IN_TRASH,
        EXPLANATIONS[Obstacle.ON_PREMISE]: Obstacle.ON_PREMISE,
    }
)


def read_obstacle(text: str | None) -> Obstacle | None:
    """Return the obstacle that `text` names, also as earlier catalogs and manifests did."""
    if text is None or text in _FORMER:
        return None if text is None else _FORMER[text]
    return next((obstacle for obstacle in Obstacle if obstacle.value == text), None)

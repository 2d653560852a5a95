"""The vocabulary in which configuration models are written."""

from __future__ import annotations

from reelkeep.core.addresses import Endpoint, SocketFile
from reelkeep.options.base import (
    Absent,
    Fault,
    Options,
    ProviderType,
    Surroundings,
    fault,
    nearest,
    surroundings,
)
from reelkeep.options.provider import (
    Address,
    CriteriaOptions,
    Listen,
    Network,
    ProviderOptions,
    Proxy,
)
from reelkeep.options.secrets import Secret, lacks_secrets, secrets_of
from reelkeep.options.values import (
    Duration,
    Identifier,
    LocalPath,
    Mode,
    Moment,
    Pattern,
    PositiveDuration,
    PositiveSize,
    Size,
    Text,
)

__all__ = [
    "Absent",
    "Address",
    "CriteriaOptions",
    "Duration",
    "Endpoint",
    "Fault",
    "Identifier",
    "Listen",
    "LocalPath",
    "Mode",
    "Moment",
    "Network",
    "Options",
    "Pattern",
    "PositiveDuration",
    "PositiveSize",
    "ProviderOptions",
    "ProviderType",
    "Proxy",
    "Secret",
    "Size",
    "SocketFile",
    "Surroundings",
    "Text",
    "fault",
    "lacks_secrets",
    "nearest",
    "secrets_of",
    "surroundings",
]

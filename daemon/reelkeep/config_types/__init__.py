"""The vocabulary in which configuration models are written."""

from __future__ import annotations

from reelkeep.config_types.provider import (
    Address,
    CriteriaOptions,
    Listen,
    Network,
    ProviderOptions,
    Proxy,
)
from reelkeep.config_types.secrets import Secret, lacks_secrets, secrets_of
from reelkeep.config_types.values import (
    Absent,
    Duration,
    Fault,
    Identifier,
    LocalPath,
    Mode,
    Moment,
    Options,
    Pattern,
    PositiveDuration,
    PositiveSize,
    ProviderType,
    Size,
    Surroundings,
    Text,
    fault,
    nearest,
    surroundings,
)
from reelkeep.core.addresses import Endpoint, SocketFile

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

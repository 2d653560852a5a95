"""The exit codes (contract, section 2)."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the process says when it ends."""

    DONE = 0  #: Done, nothing left over.
    LEFT = 1  #: It ran, but something is failed, missing, altered or still pending.
    USAGE = 2  #: The command was used in a wrong way.
    BUG = 70  #: A mistake of ours (EX_SOFTWARE).
    BUSY = 75  #: Another process holds this archive or catalog (EX_TEMPFAIL).
    CONFIG = 78  #: The configuration is invalid, or the catalog too new (EX_CONFIG).

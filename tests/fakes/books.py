"""Catalogs in memory: what they hold, as bytes."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from sqlalchemy import Engine

from reelkeep.catalog.database import open_engine
from reelkeep.catalog.schema import prepare

IN_MEMORY = "sqlite://"


def new_catalog() -> Engine:
    """Return a catalog that holds nothing; its tables are copied, for making them takes longer."""
    engine = open_engine(IN_MEMORY)
    load(engine, empty_catalog())
    return engine


@cache
def empty_catalog() -> bytes:
    engine = open_engine(IN_MEMORY)
    prepare(engine)
    return saved(engine)


def saved(engine: Engine) -> bytes:
    """Return the database of `engine`, which is in memory, as bytes."""
    with engine.connect() as connection:
        return bytes(cast(Any, connection.connection.driver_connection).serialize())


def load(engine: Engine, content: bytes) -> None:
    """Let the database of `engine` be `content`."""
    with engine.connect() as connection:
        cast(Any, connection.connection.driver_connection).deserialize(content)

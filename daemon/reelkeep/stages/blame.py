"""Keep a bug in one provider's adapter that provider's own trouble."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from traceback import extract_tb

from reelkeep.core.model import Recording, Window
from reelkeep.errors import BadAnswer, CatalogError, ProviderError
from reelkeep.ports import Provider


@contextmanager
def blamed() -> Iterator[None]:
    """Turn whatever an adapter should not raise into a `BadAnswer`.

    It names class and place only: what a foreign exception says may hold a locator or a token.
    """
    try:
        yield
    except (ProviderError, CatalogError):
        raise
    except Exception as error:  # the item boundary: one provider must not disturb the others
        raise BadAnswer(f"its adapter has a bug: {type(error).__name__} {_place(error)}") from error


async def batches(provider: Provider, span: Window) -> AsyncGenerator[Sequence[Recording], None]:
    """Yield what `provider` discovers in `span`; its bugs are blamed on it. Close it when done."""
    found = provider.discover(span)
    try:
        while True:
            with blamed():
                batch = await anext(found, None)
            if batch is None:
                return
            yield batch
    finally:
        if isinstance(found, AsyncGenerator):
            await found.aclose()


def _place(error: Exception) -> str:
    frames = extract_tb(error.__traceback__)
    return f"at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""

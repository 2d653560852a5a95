"""Keep a bug in one provider's adapter that provider's own trouble."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager

from reelkeep.core.model import Recording, Window
from reelkeep.core.telling import describe_error
from reelkeep.core.unread import Unread
from reelkeep.errors import BadAnswer, Error
from reelkeep.ports import Provider, Resuming


@contextmanager
def blamed() -> Iterator[None]:
    """Turn whatever an adapter should not raise into a `BadAnswer`."""
    try:
        yield
    except Error:
        raise
    except Exception as error:  # the item boundary: one provider must not disturb the others
        raise BadAnswer(f"its adapter has {describe_error(error)}") from error


async def batches(
    provider: Provider, span: Window, unread: Sequence[Unread] = ()
) -> AsyncGenerator[Sequence[Recording], None]:
    """Yield what `provider` discovers in `span`; its bugs are blamed on it. Close it when done.

    What is `unread` of an earlier reading is read besides, if the provider can do that.
    """
    if unread and isinstance(provider, Resuming):
        found = provider.discover_with(span, unread)
    else:
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

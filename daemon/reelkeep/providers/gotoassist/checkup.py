"""Say in plain words what keeps an account from working."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from reelkeep.errors import AuthFailed, ProviderError
from reelkeep.ports import Finding
from reelkeep.providers.gotoassist.replies import Listing


async def checkup(
    token: Callable[[], Awaitable[str]], probe: Callable[[], Awaitable[Listing]]
) -> Sequence[Finding]:
    """Return findings on access and, if there is access, on the listing."""
    try:
        await token()
        listing = await probe()
    except AuthFailed as error:
        return [Finding("access", ok=False, message=str(error))]
    except ProviderError as error:
        return [Finding("recordings", ok=False, message=str(error))]
    count = len(listing.ready) + len(listing.transcodable)
    return [
        Finding("access", ok=True, message="the access token is accepted"),
        Finding("recordings", ok=True, message=f"can be listed; of the last day, {count} wait"),
    ]

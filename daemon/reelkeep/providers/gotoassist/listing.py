"""Ask for one listing, and say in plain words why it is refused."""

from __future__ import annotations

from reelkeep.errors import Misconfigured
from reelkeep.providers.gotoassist.api_errors import Rejected
from reelkeep.providers.gotoassist.calls import Call
from reelkeep.providers.gotoassist.client import Client
from reelkeep.providers.gotoassist.options import GoToAssistOptions
from reelkeep.providers.gotoassist.replies import Listing, read_listing

_KEYS = ("account_key", "user_key", "company_id")


async def listed(client: Client, options: GoToAssistOptions, call: Call) -> Listing:
    """Return the answer to `call`.

    Raises:
        Misconfigured: It is refused; the message says what to look at.
        ProviderError: As `Client.send` raises it.
    """
    try:
        answer = await client.send(call)
    except Rejected as error:
        raise Misconfigured(advice(options, error)) from error
    return read_listing(answer.json)


def advice(options: GoToAssistOptions, error: Rejected) -> str:
    """Return what to look at after a listing was refused."""
    keys = " or ".join(key for key in _KEYS if getattr(options, key) is not None)
    if error.unrouted:
        return f"base_url is not the address of the API: {error}"
    if error.status == 403:
        return (
            f"{keys} does not belong to the owner of the token, session recording is not enabled, "
            f"or the owner has no Remote Support seat: {error}"
        )
    return f"{keys} or another setting is not understood: {error}"

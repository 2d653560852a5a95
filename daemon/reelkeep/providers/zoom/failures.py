"""Decide, from what else is served, whose trouble a failed listing is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from reelkeep.errors import BadAnswer, Misconfigured, ProviderError, RateLimited, Unavailable
from reelkeep.providers.zoom.api_errors import ApiVerdict, CredentialsRejected, Denied, Misplaced

PROPER: Final = frozenset(
    {ApiVerdict.FINE, ApiVerdict.NOTHING, ApiVerdict.NO_USER, ApiVerdict.NO_PLAN}
)
"""How a listing may be answered, also of one who has none, by an API that serves us."""

IN_A_ROW: Final = 8
"""Users of whom a listing fails, one after the other, before it is asked whether any is served."""

OF_ONE_USER: Final = 3
"""Listings of one user that fail one after the other before the rest is left for the next pass."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What of `whose` could not be read, and why. `whose` is '' for the account as a whole."""

    whose: str
    what: str
    error: ProviderError
    misspelt: bool = False  #: The operator may have given a wrong name.

    @property
    def passing(self) -> bool:
        """Whether another try in a moment may succeed."""
        return isinstance(self.error, Unavailable | RateLimited)

    @property
    def is_proper(self) -> bool:
        """Whether it is the answer of an API that serves us."""
        return isinstance(self.error, Denied) and self.error.verdict in PROPER

    def __str__(self) -> str:
        return f"{self.whose or 'the account'}, {self.what}: {_brief(self.error)}"


@dataclass(slots=True)
class Outcomes:
    """What came of the listings of one kind in one pass."""

    served: int = 0  #: Listings that were answered as one should be.
    passed_over: int = 0  #: Listings of users who have nothing, as a proper answer says.
    first: Failure | None = None
    absent: Failure | None = None  #: A user who is listed, and not on the account.
    planless: Failure | None = None  #: A user who is passed over for having no cloud recording.
    progressed: set[object] = field(default_factory=set)  #: Users of whom listings were read.
    _of_user: dict[object, int] = field(default_factory=dict)
    _in_a_row: set[object] = field(default_factory=set)

    @property
    def in_a_row(self) -> int:
        """Users of whom a listing failed since the last proper answer."""
        return len(self._in_a_row)

    def expect_trouble(self, user: object) -> None:
        """Note that a listing of `user` failed in an earlier pass."""
        self._of_user[user] = 1

    def succeeded(self, user: object) -> None:
        """Note that a listing of `user` was read."""
        self.served += 1
        self.progressed.add(user)
        self._in_a_row.clear()
        self._of_user.pop(user, None)

    def answered(self, absent: Failure | None = None) -> None:
        """Note that the provider answered properly that there is nothing of a user.

        `absent` is that a user is not on the account, who should be.
        """
        self.passed_over += 1
        self.absent = self.absent or absent
        self._in_a_row.clear()

    @property
    def is_nobody_served(self) -> bool:
        """Whether the failures are the account's: an outage is not, if anything was answered."""
        if self.served:
            return False
        if self.first is None:
            return self.absent is not None
        return not (self.passed_over and self.first.passing)

    def failed(self, user: object, failure: Failure) -> None:
        """Note that a listing of `user` could not be read."""
        self._in_a_row.add(user)
        self.first = self.first or failure
        self._of_user[user] = self._of_user.get(user, 0) + 1

    def is_troubled(self, user: object) -> bool:
        """Return whether the last listing of `user` failed: then outages are not waited for."""
        return user in self._of_user

    def is_given_up(self, user: object) -> bool:
        """Return whether no more of `user` is asked for in this pass."""
        return self._of_user.get(user, 0) >= OF_ONE_USER


def _brief(error: ProviderError) -> str:
    if isinstance(error, Denied | CredentialsRejected | Misplaced) and error.details:
        return f"refused {error.details}"
    return str(error)


def remedy(failures: Iterable[Failure]) -> str:
    """Return what to do about listings that fail while others are served."""
    known = list(failures)
    if any(each.misspelt for each in known):
        return "is a user in `users` misspelt, or gone? asked again with each poll"
    refused = any(
        isinstance(each.error, Denied | CredentialsRejected | Misplaced) for each in known
    )
    who = "for what is refused, see in Zoom whether the app's scopes and its owner's role reach "
    return f"{who}that user; asked again with each poll" if refused else _AGAIN


_AGAIN: Final = "asked again with each poll; if it stays, ask the provider's support"


def of_account(failure: Failure) -> ProviderError:
    """Return the error of an account of which nothing at all is served."""
    error, where = failure.error, f"{failure.whose or 'the account'}, {failure.what}"
    match error:
        case Denied(verdict=ApiVerdict.NOT_FOUND):
            return Misconfigured(f"there is no such listing; is api_url right? {error.details}")
        case BadAnswer():
            return BadAnswer(f"{where}: {error}")
        case Unavailable():
            return Unavailable(f"{where}: {error}")
        case _:
            return error

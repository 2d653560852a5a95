"""No wait is silent: each has an event that begins it, one that ends it, and an alert."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reelkeep.core.events import EVENTS, Severity
from reelkeep.errors import Error, ProviderError, Remedy, TransferError
from reelkeep.telemetry.alerts import ALERTS
from reelkeep.telemetry.conditions import CONDITIONS
from waits import WAITS, Wait

NO_HARM = {"recording.trash_refused"}
"""Nothing is lost by this: the recording stays at its provider, too."""


def waiting(kind: type[Error]) -> Iterator[str]:
    """Yield such errors of ours; what a provider derives from one is told as that one is."""
    if kind.__module__ == Error.__module__ and _waits(kind):
        yield kind.__name__
    for child in kind.__subclasses__():
        yield from waiting(child)


def _waits(kind: type[Error]) -> bool:
    return getattr(kind, "remedy", None) in (Remedy.WAIT, Remedy.PAUSE)


def test_every_error_that_makes_us_wait_is_in_the_table() -> None:
    """Whoever adds such an error must say how people learn of it."""
    raised = {*waiting(ProviderError), *waiting(TransferError)}
    assert raised <= {error for wait in WAITS for error in wait.errors}


def test_every_condition_with_a_gauge_is_in_the_table() -> None:
    begun = {event for event, (_, begins) in CONDITIONS.items() if begins}
    ended = {event for event, (_, begins) in CONDITIONS.items() if not begins}
    assert begun <= {event for wait in WAITS for event in wait.begins}
    assert ended <= {event for wait in WAITS for event in wait.ends}


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.begins[0])
def test_a_wait_is_said_when_it_begins_and_when_it_ends(wait: Wait) -> None:
    assert wait.begins
    assert wait.ends
    assert {*wait.begins, *wait.ends} <= EVENTS.keys()
    assert min(EVENTS[event].severity for event in wait.ends) >= Severity.INFO


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.begins[0])
def test_it_is_decided_what_a_restart_makes_of_a_wait(wait: Wait) -> None:
    assert wait.restart


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.begins[0])
def test_a_wait_that_does_harm_has_an_alert(wait: Wait) -> None:
    assert set(wait.alerts) <= ALERTS.keys()
    assert wait.alerts or set(wait.begins) <= NO_HARM


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.begins[0])
def test_a_wait_for_people_is_said_loudly(wait: Wait) -> None:
    quiet = {"repair.queued"}
    loud = min(EVENTS[event].severity for event in wait.begins) >= Severity.WARNING
    assert loud or set(wait.begins) <= quiet

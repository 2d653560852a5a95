"""The embedded providers: GoToAssist, Zoom and Zoom Video SDK on loopback, for demo and tests.

Everything is made up from a seed. `Simulator` is the door; what it does is switched in
`Simulator.switches`, what goes wrong is scripted in `Simulator.faults`.
"""

from reelkeep.simulator.fixtures import Extent, make_world
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Chaos, Fault, Flaw, Switches
from reelkeep.simulator.world import Expected, SimFile, SimMeeting, SimRecording, SimSession, World

__all__ = [
    "Chaos",
    "Expected",
    "Extent",
    "Fault",
    "Flaw",
    "SimFile",
    "SimMeeting",
    "SimRecording",
    "SimSession",
    "Simulator",
    "Switches",
    "World",
    "make_world",
]

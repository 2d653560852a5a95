"""The embedded providers: GoToAssist, Zoom and Zoom Video SDK on loopback, for demo and tests.

Everything is made up from a seed. `Simulator` is the door; what it does is switched in
`Simulator.switches`, what goes wrong is scripted in `Simulator.faults`.
"""

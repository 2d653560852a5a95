"""The decisions: pure functions over plain data, without I/O, clock, randomness or async."""

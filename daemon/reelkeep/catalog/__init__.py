"""The catalog: what is known, what is due, what is done. It is the queue that survives."""

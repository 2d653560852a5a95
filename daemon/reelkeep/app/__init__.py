"""The program: it puts the adapters and the stages together, runs and ends them in order."""

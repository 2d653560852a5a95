"""The vocabulary in which configuration models are written."""

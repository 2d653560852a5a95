"""What takes longer than a test suite may, or needs a machine of its own: `make soak`."""

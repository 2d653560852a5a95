"""How reelkeep compares with other downloaders, measured side by side: `make bench`."""

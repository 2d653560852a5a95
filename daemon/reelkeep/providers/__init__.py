"""Adapters of recording services, found through the entry points `reelkeep.providers.v1`."""

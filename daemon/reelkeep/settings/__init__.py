"""The configuration: `reelkeep.yaml`, read strictly."""

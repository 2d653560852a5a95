"""reelkeep: archives session recordings, verified and for good."""

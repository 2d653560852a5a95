"""The programs that reelkeep is compared with."""

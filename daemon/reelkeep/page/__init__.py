"""The web page: what the archive holds and what the daemon does, for people with the token."""

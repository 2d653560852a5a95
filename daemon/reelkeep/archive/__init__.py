"""The archive on a local disk: parts while they grow, folders once they are whole."""

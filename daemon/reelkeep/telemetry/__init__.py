"""What people and machines learn of the daemon while it runs."""

"""Look for what is wrong with an installation, and gather what support needs, without secrets."""

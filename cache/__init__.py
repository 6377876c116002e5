"""Cached values, each for its TTL at most. The store alone is the truth."""

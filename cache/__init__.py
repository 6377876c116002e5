"""Cached values only, each for its TTL at most. Never the truth; the store is."""

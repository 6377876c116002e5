"""Tornado's side: thin adapters that decode, call `chat`, and encode."""

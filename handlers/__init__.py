"""Tornado's side: thin adapters that decode, call `handlers.chat`, and encode."""

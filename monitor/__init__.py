"""Watching: hooks that the rest calls (`hooks.py`). Knows nothing of handlers."""

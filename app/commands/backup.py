"""`server.py backup` and `server.py restore`: copy the embedded store into a file, and back."""

from __future__ import annotations

import signal
from pathlib import Path

from app.settings import Settings
from store import sqlite


def backup(settings: Settings, file: str) -> int:
    """Write a consistent copy of DATA_DIR to a file; returns 0. Raises StartupError with one line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that SIGTERM also leaves no unfinished file
    sqlite.backup(settings.server.data_dir, Path(file))
    return 0


def restore(settings: Settings, file: str) -> int:
    """Unpack such a file into an empty DATA_DIR; returns 0. Raises StartupError with one line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sqlite.restore(Path(file), settings.server.data_dir)
    return 0

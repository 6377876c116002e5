"""`server.py backup` and `server.py restore`, of the embedded store."""

from __future__ import annotations

import signal
from pathlib import Path

from app.settings import Settings
from store import sqlite


def backup(settings: Settings, file: str) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that SIGTERM also leaves no unfinished file
    sqlite.backup(settings.server.data_dir, Path(file))
    return 0


def restore(settings: Settings, file: str) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sqlite.restore(Path(file), settings.server.data_dir)
    return 0

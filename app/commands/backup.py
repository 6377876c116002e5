"""`server.py backup` and `server.py restore`: copy the embedded store into a file, and back."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from app.commands.progress_bar import ProgressBar
from app.settings import Settings
from store import sqlite


def backup(settings: Settings, file: str) -> int:
    """Write a consistent copy of DATA_DIR to a file; returns 0. Raises StartupError with one line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that SIGTERM also leaves no unfinished file
    bar = _bar()
    try:
        sqlite.backup(settings.server.data_dir, Path(file), report=bar.show)
    finally:
        bar.end()
    return 0


def restore(settings: Settings, file: str) -> int:
    """Unpack such a file into an empty DATA_DIR; returns 0. Raises StartupError with one line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bar = _bar()
    try:
        sqlite.restore(Path(file), settings.server.data_dir, report=bar.show)
    finally:
        bar.end()
    return 0


def _bar() -> ProgressBar:
    """It is for terminals alone: a backup by cron says nothing, or it would be mailed each night."""
    return ProgressBar(sys.stderr, plain=False)

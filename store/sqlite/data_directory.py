"""DATA_DIR itself: creating it, private to this user, and checking it. Knows no database."""

from __future__ import annotations

import os
from pathlib import Path

from common.startup_error import StartupError

# Present during a restore. A server started on half a restore would create an empty database.
RESTORING_NAME = ".restoring"

# The bytes of uploaded files.
FILES_NAME = "files"

_ANOTHER = "name a folder that this user may write, like --data-dir ./data"


def prepare(data_dir: Path) -> None:
    """Create DATA_DIR, mode 0700, if it is missing. Raises StartupError in one line if it cannot be used."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StartupError(f"DATA_DIR {data_dir} is not a directory: {_ANOTHER}") from error
    except OSError as error:
        raise StartupError(f"DATA_DIR {data_dir} cannot be made: {error.strerror}; {_ANOTHER}") from error
    if (data_dir / RESTORING_NAME).exists():
        raise StartupError(f"DATA_DIR {data_dir} holds an unfinished restore: empty it and restore again")
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise StartupError(f"DATA_DIR {data_dir} is not readable and writable by this user: chown it, or {_ANOTHER}")


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The secret that signs tokens where none is configured: generated once, stored in DATA_DIR."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from common.startup_error import StartupError

SECRET_NAME = "secret"
_SECRET_MIN_BYTES = 32


def generated_secret(data_dir: Path) -> str:
    """The secret in DATA_DIR, generated (mode 0600, synced) if there is none.

    Raises StartupError for one that is too short.
    """
    path = data_dir / SECRET_NAME
    if not path.exists():
        _generate(path)
    secret = path.read_text().strip()
    if len(secret.encode()) < _SECRET_MIN_BYTES:
        raise StartupError(f"{path} holds no secret of {_SECRET_MIN_BYTES} bytes; remove it to log everybody out")
    return secret


def _generate(path: Path) -> None:
    """Write the file atomically, also under a kill. Of two concurrent processes the first one's secret is kept."""
    descriptor, name = tempfile.mkstemp(prefix=f".{SECRET_NAME}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)

"""The lock of DATA_DIR, held by one process alone or shared by several. Owns the lock file; knows no database."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from common.startup_error import StartupError
from store.sqlite.data_directory import prepare

LOCK_NAME = "lock"

# What to do, by whether the lock was to be shared
_HINTS = {
    False: "stop that one, or name another --data-dir; with REDIS_HOST or REDIS_URL several processes can share it",
    True: "one without REDIS_HOST and REDIS_URL, or a command that wants it alone: stop that one",
}


class DirectoryLock:
    """An advisory lock (flock) on DATA_DIR/lock. Both are created if missing; the kernel releases it with the process.

    Shared and exclusive holders exclude each other. The file is never removed: otherwise two processes could lock two
    files of the same name.
    """

    def __init__(self, data_dir: Path, *, shared: bool) -> None:
        self._data_dir = data_dir
        self._shared = shared
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock without waiting. Raises StartupError if another process holds it."""
        if self._descriptor is not None:
            return
        prepare(self._data_dir)
        try:
            descriptor = os.open(self._data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartupError(f"DATA_DIR {self._data_dir} cannot be locked: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise StartupError(f"DATA_DIR {self._data_dir} cannot be locked: {error.strerror}") from error
            raise StartupError(
                f"DATA_DIR {self._data_dir} is in use by another process: {_HINTS[self._shared]}"
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Release the lock. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> DirectoryLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

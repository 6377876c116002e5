"""The files that results are written into: a disk that is full or fails is told from a broken image."""

from __future__ import annotations

import contextlib
import errno
import io
from collections.abc import Iterator
from typing import BinaryIO


class Output(io.BufferedIOBase):
    """A file to write into. It shows no descriptor: Pillow would write to that by itself, and not say what failed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._errno: int | None = None

    @property
    def disk_errno(self) -> int | None:
        """The errno of a write that the disk refused; None for one past this process's own bound, or none."""
        return None if self._errno == errno.EFBIG else self._errno

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        with self._noting():
            return self._file.write(data)

    def flush(self) -> None:
        with self._noting():
            self._file.flush()

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._errno = error.errno
            raise

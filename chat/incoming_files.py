"""Uploads that are coming in: the place of each, and its bytes, in a temporary file that has no name.

A file without a name is gone when it is closed, and also when the process is killed. Knows no form and no store.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from chat.errors import ChatError
from chat.fair_places import FairPlaces
from monitor.part_metrics import PartMetrics

log = logging.getLogger(__name__)

AT_ONCE = 64  # uploads of all users in this process
FREE_PER_UPLOAD = 3  # 16 of one user alone: over the 10 attachments that a message may have
RETRY_AFTER_S = 5
READ_BYTES = 256 * 1024
_THREADS = 2

R = TypeVar("R")


class IncomingFile:
    """The bytes of one upload. Its methods raise ChatError unavailable where the disk fails or is full."""

    def __init__(
        self,
        *,
        folder: Path | None,
        threads: ThreadPoolExecutor,
        on_bytes: Callable[[int], None],
        on_close: Callable[[], None],
    ) -> None:
        self.size = 0
        self._on_bytes = on_bytes
        self._folder = folder
        self._threads = threads
        self._on_close = on_close
        self._file: BinaryIO | None = None
        self._is_busy = False  # a thread works with the file
        self._is_closed = False
        self._is_abandoned = False

    async def write(self, piece: bytes) -> None:
        """Append bytes."""
        await self.run(lambda file: file.write(piece))
        self.size += len(piece)
        self._on_bytes(len(piece))

    async def run(self, work: Callable[[BinaryIO], R]) -> R:
        """Call `work` with the file, on a thread. One call at a time."""
        if self._is_closed:
            raise ChatError("unavailable")
        self._is_busy = True
        try:
            return await in_thread(self._threads, lambda: work(self._opened()))
        finally:
            self._is_busy = False
            self._discard_if_closed()

    async def lent(self) -> BinaryIO:
        """The file itself, with all its bytes written, for who closes it not and is done before it is closed."""

        def flushed(file: BinaryIO) -> BinaryIO:
            file.flush()
            return file

        return await self.run(flushed)

    def abandon(self) -> None:
        """Tell that nobody waits any more for what becomes of it."""
        self._is_abandoned = True

    @property
    def is_abandoned(self) -> bool:
        """Whether its sender has gone."""
        return self._is_abandoned

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = cast(BinaryIO, tempfile.TemporaryFile(dir=self._folder, prefix="upload-"))  # noqa: SIM115
        return self._file

    def close(self) -> None:
        """Drop the bytes and give up the place, once no thread works with the file. Idempotent."""
        if not self._is_closed:
            self._is_closed = True
            self._on_close()
            self._discard_if_closed()

    def _discard_if_closed(self) -> None:
        if self._is_closed and not self._is_busy and self._file is not None:
            close_on(self._threads, self._file)
            self._file = None


class IncomingFiles:
    """Gives places to uploads, a bounded number at once. `folder`: None for the system's own."""

    def __init__(self, *, folder: Path | None) -> None:
        self._folder = folder
        self._places = FairPlaces(
            total=AT_ONCE,
            free_per_held=FREE_PER_UPLOAD,
            refusal="Too many uploads are under way.",
            retry_after_s=RETRY_AFTER_S,
        )
        self._bytes = 0
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="uploads")

    def metrics(self) -> PartMetrics:
        """Return how many are under way, and how many bytes have come."""
        counters = {"upload_bytes_total": [((), self._bytes)]}
        return PartMetrics(gauges={"uploads": self._places.taken_places}, counters=counters)

    def begin(self, user_id: str) -> IncomingFile:
        """Take a place for an upload; closing the file gives it back. Raises ChatError unavailable."""
        self._places.take(user_id)
        return IncomingFile(
            folder=self._folder,
            threads=self._threads,
            on_bytes=self._count,
            on_close=lambda: self._places.give_back(user_id),
        )

    def _count(self, size: int) -> None:
        self._bytes += size

    async def pieces(self, file: BinaryIO) -> AsyncIterator[bytes]:
        """All bytes of a file, from the first. Raises ChatError unavailable."""
        await in_thread(self._threads, lambda: file.seek(0))
        while piece := await in_thread(self._threads, lambda: file.read(READ_BYTES)):
            yield piece

    def discard(self, file: BinaryIO) -> None:
        """Close a file that has no name, on a thread: its blocks are freed then."""
        close_on(self._threads, file)

    def close(self) -> None:
        """End the threads when they have done what they were given."""
        self._threads.shutdown(wait=False)


async def in_thread(threads: ThreadPoolExecutor, work: Callable[[], R]) -> R:
    """Do `work` on a thread. Raises ChatError unavailable where the disk fails, is full, or the threads have ended."""
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, work)
    except OSError as error:
        log.warning("an upload cannot be kept: %s", "no space" if error.errno == errno.ENOSPC else error)
        raise ChatError("unavailable", "The file cannot be stored now.") from error
    except RuntimeError as error:
        raise ChatError("unavailable") from error


def close_on(threads: ThreadPoolExecutor, file: BinaryIO) -> None:
    """Close a file on a thread, or here where the threads have ended."""
    try:
        threads.submit(file.close)
    except RuntimeError:
        file.close()

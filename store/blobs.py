"""The bytes of uploaded files: the contract, and the implementation on local disk. Knows no descriptions.

A blob is written in pieces and is provisional until `keep`. The sweep removes provisional blobs after a day: those of
uploads that failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import logging
import os
import re
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from msgspec import Struct

from store.errors import Missing, StoreUnavailable

logger = logging.getLogger(__name__)

PROVISIONAL_KEEP_S = 24 * 3600
PIECE_BYTES = 256 * 1024
PROVISIONAL_SUFFIX = ".part"

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}")
_THREADS = 2
_SWEEP_MAX = 500

R = TypeVar("R")


class _RemovalFailure(Struct, frozen=True):
    """The number of files that a sweep could not remove, and the error of the first."""

    count: int
    first: str


class Written(Struct, frozen=True):
    """A written blob: its size in bytes, and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Blobs(Protocol):
    """A blob storage. Keys are ids of this program. All methods raise StoreUnavailable, StoreTimeout if it fails."""

    async def write(self, key: str, pieces: AsyncIterable[bytes]) -> Written:
        """Write a new blob. Leaves nothing if `pieces` raises or the task is cancelled."""

    async def keep(self, key: str) -> None:
        """Make a written blob permanent, durably. Idempotent. Raises Missing("file")."""

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` (exclusive), in pieces.

        Raises Missing("file") for a provisional blob too.
        """

    async def delete(self, key: str) -> None:
        """Remove a blob, permanent or provisional. No effect where there is none."""

    async def sweep(self, now_s: float) -> int:
        """Remove provisional blobs that are a day old, a bounded number at a time. Returns the number."""

    async def close(self) -> None: ...


class DiskBlobs:
    """Blobs as files: `<folder>/<two characters>/<key>`, mode 0600, spread by hash.

    All I/O is on threads of its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-files")
        self._is_logged = False  # the files that cannot be removed

    async def write(self, key: str, pieces: AsyncIterable[bytes]) -> Written:
        path = self._path(key)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PROVISIONAL_SUFFIX}")
        digest, size = hashlib.sha256(), 0
        file = await self._run(_create, part)
        try:
            async for piece in pieces:
                size += len(piece)
                await self._run(_append, file, digest, piece)
            await self._run(_sync, file)
            await self._run(os.replace, part, _provisional(path))
        except BaseException:
            # Shielded, so that a cancelled upload leaves nothing either.
            await asyncio.shield(self._run(part.unlink, True))
            raise
        finally:
            # What the buffer still holds, where the disk is full, is that of a file that is gone already.
            with contextlib.suppress(OSError):
                file.close()
        return Written(size, digest.hexdigest())

    async def keep(self, key: str) -> None:
        await self._run(_keep, self._path(key))

    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        file = await self._run(_open, self._path(key), start)
        left = None if end is None else max(0, end - start)
        try:
            while left is None or left > 0:
                piece = await self._run(file.read, PIECE_BYTES if left is None else min(PIECE_BYTES, left))
                if not piece:
                    break
                left = None if left is None else left - len(piece)
                yield piece
        finally:
            file.close()

    async def delete(self, key: str) -> None:
        path = self._path(key)
        await self._run(path.unlink, True)
        await self._run(_provisional(path).unlink, True)

    async def sweep(self, now_s: float) -> int:
        removed, stuck = await self._run(_sweep, self._folder, now_s - PROVISIONAL_KEEP_S)
        if stuck is not None:
            if not self._is_logged:
                logger.warning(
                    "store: %d uploads that broke off cannot be removed, the first: %s", stuck.count, stuck.first
                )
            self._is_logged = True
        elif not removed:  # otherwise the slice may not have reached all of them
            self._is_logged = False
        return removed

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)

    def _path(self, key: str) -> Path:
        """The blob's path. Raises Missing("file") for an invalid key, which a client may have sent."""
        if not _KEY.fullmatch(key):
            raise Missing("file")
        return self._folder / folder_of(key) / key

    async def _run(self, function: Callable[..., R], *arguments: Any) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        except FileNotFoundError as error:
            raise Missing("file") from error
        except OSError as error:
            raise StoreUnavailable("full" if error.errno == errno.ENOSPC else "io") from error
        except RuntimeError as error:  # the threads have ended
            raise StoreUnavailable("closed") from error


def folder_of(key: str) -> str:
    """The name of the folder that a blob is in."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:2]


def _provisional(path: Path) -> Path:
    return path.with_name(path.name + PROVISIONAL_SUFFIX)


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _append(file: BinaryIO, digest: Any, piece: bytes) -> None:
    file.write(piece)
    digest.update(piece)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _keep(path: Path) -> None:
    try:
        os.replace(_provisional(path), path)
    except FileNotFoundError:
        if not path.exists():
            raise
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path, start: int) -> BinaryIO:
    file = path.open("rb")
    file.seek(start)
    return file


def _sweep(folder: Path, before_s: float) -> tuple[int, _RemovalFailure | None]:
    removed = stuck = 0
    first: OSError | None = None
    for path in folder.glob(f"*/*{PROVISIONAL_SUFFIX}"):
        if removed == _SWEEP_MAX:
            break
        try:
            if path.stat().st_mtime < before_s:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            continue  # kept, or gone, since it was listed
        except OSError as error:
            stuck += 1
            first = first or error
    return removed, None if first is None else _RemovalFailure(stuck, str(first))

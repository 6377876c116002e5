"""Backup and restore of DATA_DIR: one tar with a consistent copy of the database, the uploads and the generated secret.

Takes no lock and waits for nobody: the copy is one read transaction of its own, beside a running server.
Knows file names, no tables.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

from common.startup_error import StartupError
from store.sqlite import backup_archive
from store.sqlite.backup_destination import require_harmless, uploads
from store.sqlite.connection import DATABASE_NAME, reason_of, require_sound_sqlite
from store.sqlite.data_directory import RESTORING_NAME, sync_directory
from store.sqlite.directory_lock import LOCK_NAME, DirectoryLock
from store.sqlite.generated_secret import SECRET_NAME
from store.sqlite.schema_version import require_compatible

_BUSY_MS = 30_000
_ROOM_TO_SPARE_BYTES = 4 * 1024 * 1024

Report = Callable[[str, int, int], None]

# What an empty DATA_DIR may contain: the lock file of a failed start, and the folder of a new file system.
_EMPTY = {LOCK_NAME, "lost+found"}


def backup(data_dir: Path, file: Path, *, report: Report = lambda what, done, total: None) -> None:
    """Write a copy of DATA_DIR to `file` (mode 0600), with every message acked before the call. Replaces it at the end.

    `report` is given what is counted, and how many of how many bytes are done. Blocks: not for an event loop. Raises
    StartupError in one line; `file` is then unchanged.
    """
    database = data_dir / DATABASE_NAME
    if not database.is_file():
        raise StartupError(f"DATA_DIR {data_dir} holds no {DATABASE_NAME} to back up")
    require_sound_sqlite()
    try:
        require_harmless(file, data_dir)
        folder = file.absolute().parent
        size_bytes = _size_of(data_dir)
        _require_room(folder, size_bytes)
        progress = _Progress("bytes copied and packed", size_bytes, report)
        with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=folder) as workspace:
            copy, parcel = Path(workspace, DATABASE_NAME), Path(workspace, "parcel")
            schema = _copy_database(database, copy)
            progress.add(copy.stat().st_size)
            # After the database: the files that a message of the copy refers to were written before it.
            members = ((DATABASE_NAME, copy), *_secret(data_dir), *_uploads(data_dir))
            backup_archive.pack(parcel, schema, members, on_bytes=progress.add)
            require_harmless(file, data_dir)  # again, because packing takes long
            os.replace(parcel, file)
            sync_directory(folder)
        progress.end()
    except apsw.Error as error:
        raise StartupError(f"backup of {database} failed: {reason_of(error) or error}") from error
    except OSError as error:
        raise StartupError(f"backup to {file} failed: {error.strerror or error}") from error


def restore(file: Path, data_dir: Path, *, report: Report = lambda what, done, total: None) -> None:
    """Restore a backup into DATA_DIR, which must be empty or missing. Blocks: not for an event loop.

    `report`: as in `backup`. All of it is checked before anything is put in place. Raises StartupError in one line;
    DATA_DIR is then empty.
    """
    if data_dir.is_dir() and {entry.name for entry in data_dir.iterdir()} - _EMPTY:
        raise StartupError(f"DATA_DIR {data_dir} is not empty: nothing was restored")
    with DirectoryLock(data_dir, shared=False):
        staging = data_dir / RESTORING_NAME
        try:
            with backup_archive.open_backup(file) as source:
                contents = backup_archive.read_contents(source)
                _require_room(data_dir, contents.room_bytes, contents.files)
                staging.mkdir(mode=0o700)
                progress = _Progress("bytes unpacked", contents.room_bytes, report)
                backup_archive.unpack(source, staging, contents, on_bytes=progress.add)
            _check_database(staging / DATABASE_NAME)
            # The database last: as long as the staging folder exists, a server refuses to start.
            for entry in sorted(staging.iterdir(), key=lambda entry: entry.name == DATABASE_NAME):
                os.rename(entry, data_dir / entry.name)
            sync_directory(data_dir)
            staging.rmdir()
            sync_directory(data_dir)
        except backup_archive.DAMAGED as error:
            _clear(data_dir)
            raise StartupError(f"{file} is no backup of this program, or is damaged: {error}") from error
        except OSError as error:
            _clear(data_dir)
            raise StartupError(f"restore of {file} failed: {error.strerror or error}") from error
        except BaseException:
            _clear(data_dir)
            raise
    progress.end()


class _Progress:
    """Adds up the bytes that are done. Their total is an estimate: the last may be missing, or too many."""

    def __init__(self, what: str, total: int, report: Report) -> None:
        self._what = what
        self._total = total
        self._report = report
        self._done = 0

    def add(self, size_bytes: int) -> None:
        self._done = min(self._done + size_bytes, max(0, self._total - 1))
        self._report(self._what, self._done, self._total)

    def end(self) -> None:
        """All is done."""
        self._report(self._what, self._total, self._total)


def _require_room(folder: Path, needed_bytes: int, files: int = 0) -> None:
    """Raises StartupError if the disk has too little space, or too few inodes, for what is to be written."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if needed_bytes + _ROOM_TO_SPARE_BYTES > free:
        needed, there = (needed_bytes + _ROOM_TO_SPARE_BYTES) // 1_000_000, free // 1_000_000
        raise StartupError(f"{folder} has room for {there:,} MB, {needed:,} MB are needed")
    if disk.f_files and files > disk.f_favail:  # some file systems report no number of files
        raise StartupError(f"{folder} has room for {disk.f_favail:,} files, {files:,} are needed")


def _size_of(data_dir: Path) -> int:
    """The space in bytes that a backup needs: a copy of the database, and everything once in the archive."""
    size = 0
    for path in (*(data_dir / f"{DATABASE_NAME}{suffix}" for suffix in ("", "", "-wal")), *uploads(data_dir)):
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            continue
    return size


def _copy_database(database: Path, copy: Path) -> int:
    """Copy the database as one snapshot and check the copy. Returns its schema version."""
    source = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        source.set_busy_timeout(_BUSY_MS)
        target = apsw.Connection(str(copy))
        try:
            # All pages in one step, which is one read transaction: in WAL mode it does not block a writer.
            with target.backup("main", source, "main") as copying:
                copying.step(-1)
            target.pragma("journal_mode", "delete")
        finally:
            target.close()
    finally:
        source.close()
    return _check_database(copy)


def _check_database(path: Path) -> int:
    """Check the database. Returns its schema version. Raises StartupError if it is damaged, foreign or too new."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            version = require_compatible(connection, what="backup")
            found = connection.execute("PRAGMA integrity_check(1)").fetchall()
        finally:
            connection.close()
    except apsw.Error as error:
        raise StartupError(f"the database in the backup is damaged: {reason_of(error) or error}") from error
    if found != [("ok",)]:
        raise StartupError(f"the database in the backup is damaged: {str(found[0][0]).splitlines()[-1]}")
    if not version:
        raise StartupError("the backup holds an empty database")
    return version


def _secret(data_dir: Path) -> Iterator[tuple[str, Path]]:
    secret = data_dir / SECRET_NAME
    if secret.is_file():
        yield SECRET_NAME, secret


def _uploads(data_dir: Path) -> Iterator[tuple[str, Path]]:
    for path in uploads(data_dir):
        yield path.relative_to(data_dir).as_posix(), path


def _clear(data_dir: Path) -> None:
    """Empty DATA_DIR after a failed restore: it was empty before, so all of its content is the restore's."""
    for entry in data_dir.iterdir():
        if entry.name in _EMPTY:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()

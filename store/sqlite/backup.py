"""Backup and restore of DATA_DIR: one tar with a consistent copy of the database, the uploads and the generated secret.

Takes no lock and waits for nobody: the copy is one read transaction of its own, beside a running server.
Knows file names, no tables.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import apsw
import msgspec

from store.blobs import PROVISIONAL_SUFFIX
from store.errors import StartRefused
from store.sqlite.connection import DATABASE_NAME, reason_of, require_sound_sqlite
from store.sqlite.directory import FILES_NAME, RESTORING_NAME
from store.sqlite.lock import LOCK_NAME, DirectoryLock
from store.sqlite.migrations import MIGRATIONS, version_of
from store.sqlite.secret import SECRET_NAME

_MANIFEST_NAME = "manifest.json"
_FORMAT = "chat-rooms-backup"
_CHUNK_BYTES = 1024 * 1024
_MANIFEST_MAX_BYTES = 256 * 1024 * 1024
_BUSY_MS = 30_000

# What an empty DATA_DIR may hold: a start that failed leaves the lock file, a fresh file system its own folder.
_EMPTY = {LOCK_NAME, "lost+found"}


class _Manifest(msgspec.Struct, frozen=True):
    """The last member of a backup, so that a cut-off one has none. `sha256`: of each other member, by name."""

    format: str
    schema: int
    sha256: dict[str, str]


def backup(data_dir: Path, file: Path) -> None:
    """Write a copy of DATA_DIR, with every message acked before the call, to `file` (mode 0600, replaced at the end).

    Blocks: not for an event loop. Raises StartRefused with one line; `file` is then as it was.
    """
    database = data_dir / DATABASE_NAME
    if not database.is_file():
        raise StartRefused(f"DATA_DIR {data_dir} holds no {DATABASE_NAME} to back up")
    require_sound_sqlite()
    try:
        with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.absolute().parent) as workspace:
            copy, parcel = Path(workspace, DATABASE_NAME), Path(workspace, "parcel")
            schema = _copy_database(database, copy)
            # After the database: what a message in the copy refers to was written before it.
            _pack(parcel, schema, {DATABASE_NAME: copy, **dict(_extras(data_dir))})
            os.replace(parcel, file)
            _sync_directory(file.absolute().parent)
    except apsw.Error as error:
        raise StartRefused(f"backup of {database} failed: {reason_of(error) or error}") from error
    except OSError as error:
        raise StartRefused(f"backup to {file} failed: {error.strerror or error}") from error


def restore(file: Path, data_dir: Path) -> None:
    """Put a backup's contents into DATA_DIR, which must be empty or missing. Blocks: not for an event loop.

    Nothing is put in place before all of it was checked. Raises StartRefused with one line; DATA_DIR is then as empty.
    """
    if data_dir.is_dir() and {entry.name for entry in data_dir.iterdir()} - _EMPTY:
        raise StartRefused(f"DATA_DIR {data_dir} is not empty: nothing was restored")
    with DirectoryLock(data_dir, shared=False):
        staging = data_dir / RESTORING_NAME
        try:
            staging.mkdir(mode=0o700)
            _unpack(file, staging)
            _check_database(staging / DATABASE_NAME)
            # The database last: until it is there, a start is refused because of the folder.
            for entry in sorted(staging.iterdir(), key=lambda entry: entry.name == DATABASE_NAME):
                os.rename(entry, data_dir / entry.name)
            _sync_directory(data_dir)
            staging.rmdir()
            _sync_directory(data_dir)
        except (tarfile.TarError, msgspec.DecodeError, EOFError) as error:
            _clear(data_dir)
            raise StartRefused(f"{file} is no backup of this program, or is damaged: {error}") from error
        except OSError as error:
            _clear(data_dir)
            raise StartRefused(f"restore of {file} failed: {error.strerror or error}") from error
        except BaseException:
            _clear(data_dir)
            raise


def _copy_database(database: Path, copy: Path) -> int:
    """Copy the database as one snapshot and check the copy. Returns its schema version."""
    source = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        source.set_busy_timeout(_BUSY_MS)
        target = apsw.Connection(str(copy))
        try:
            # All pages in one step: one read transaction, which in WAL mode a writer neither waits for nor disturbs.
            with target.backup("main", source, "main") as copying:
                copying.step(-1)
            target.pragma("journal_mode", "delete")
        finally:
            target.close()
    finally:
        source.close()
    return _check_database(copy)


def _check_database(path: Path) -> int:
    """Raise StartRefused unless `path` is a sound database of ours, not newer than us. Returns its schema version."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            version = version_of(connection)
            found = connection.execute("PRAGMA integrity_check(1)").fetchall()
        finally:
            connection.close()
    except apsw.Error as error:
        raise StartRefused(f"the database in the backup is damaged: {reason_of(error) or error}") from error
    if found != [("ok",)]:
        raise StartRefused(f"the database in the backup is damaged: {str(found[0][0]).splitlines()[-1]}")
    if not 0 < version <= len(MIGRATIONS):
        raise StartRefused(f"the backup has schema version {version}, this program knows {len(MIGRATIONS)}: upgrade it")
    return version


def _extras(data_dir: Path) -> Iterator[tuple[str, Path]]:
    """What goes along with the database: name in the backup, path."""
    secret = data_dir / SECRET_NAME
    if secret.is_file():
        yield SECRET_NAME, secret
    for path in sorted((data_dir / FILES_NAME).rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix != PROVISIONAL_SUFFIX:
            yield path.relative_to(data_dir).as_posix(), path


def _pack(parcel: Path, schema: int, members: dict[str, Path]) -> None:
    sha256: dict[str, str] = {}
    with open(os.open(parcel, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, path in members.items():
                try:
                    source = path.open("rb")
                except FileNotFoundError:
                    continue  # removed since it was listed
                with source:
                    sha256[name] = _add(tar, name, source, os.fstat(source.fileno()).st_size)
            manifest = msgspec.json.encode(_Manifest(_FORMAT, schema, sha256))
            with tempfile.TemporaryFile() as text:
                text.write(manifest)
                text.seek(0)
                _add(tar, _MANIFEST_NAME, text, len(manifest))
        output.flush()
        os.fsync(output.fileno())


def _add(tar: tarfile.TarFile, name: str, source: IO[bytes], size_bytes: int) -> str:
    """Add one member; returns its SHA-256. Raises OSError when the file shrinks meanwhile."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size_bytes, 0o600
    hashed = _Hashing(source)
    tar.addfile(info, hashed)
    return hashed.digest.hexdigest()


class _Hashing:
    """A file to read from that hashes what was read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data


def _unpack(file: Path, staging: Path) -> None:
    """Write the members under `staging`, each checked. Raises tarfile.TarError for what is no backup of ours."""
    sha256: dict[str, str] = {}
    with tarfile.open(file, mode="r:") as tar:
        for info in tar:
            source = tar.extractfile(info) if info.isreg() else None
            if source is None or not _is_safe(info.name):
                raise tarfile.TarError(f"unexpected member {info.name!r}")
            if info.name == _MANIFEST_NAME:
                if info.size > _MANIFEST_MAX_BYTES:
                    raise tarfile.TarError("unlikely manifest")
                manifest = msgspec.json.decode(source.read(), type=_Manifest)
                if manifest.format == _FORMAT and manifest.sha256 == sha256 and DATABASE_NAME in sha256:
                    _sync_tree(staging)
                    return
                raise tarfile.TarError("the contents are not those of its manifest")
            sha256[info.name] = _extract(source, staging / info.name)
    raise tarfile.TarError("no manifest")


def _is_safe(name: str) -> bool:
    """The names that `backup` writes, and no others: what is restored can only land in its place."""
    parts = name.split("/")
    if parts[0] == FILES_NAME:
        return len(parts) > 1 and not any(part in ("", ".", "..") or "\0" in part for part in parts)
    return name in (DATABASE_NAME, SECRET_NAME, _MANIFEST_NAME)


def _extract(source: IO[bytes], target: Path) -> str:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        while data := source.read(_CHUNK_BYTES):
            digest.update(data)
            output.write(data)
        output.flush()
        os.fsync(output.fileno())
    return digest.hexdigest()


def _clear(data_dir: Path) -> None:
    """After a failure: DATA_DIR was empty, so whatever is in it now is ours."""
    for entry in data_dir.iterdir():
        if entry.name in _EMPTY:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _sync_tree(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        if path.is_dir():
            _sync_directory(path)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

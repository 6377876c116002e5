"""The format of a backup: a tar of regular files, with a manifest of their digests at the end. Knows no DATA_DIR.

An archive to read is untrusted: nothing is written before all of its headers are checked against the bounds below.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import msgspec
from msgspec import Struct

from common.startup_error import StartupError
from store.sqlite.connection import DATABASE_NAME
from store.sqlite.data_directory import FILES_NAME, sync_directory
from store.sqlite.generated_secret import SECRET_NAME

MEMBERS_MAX = 2_000_000
MANIFEST_NAME = "manifest.json"

_FORMAT = "chat-rooms-backup"
_CHUNK_BYTES = 1024 * 1024
_MANIFEST_MAX_BYTES = 256 * 1024 * 1024
_SECRET_MAX_BYTES = 65_536
_BLOCK_BYTES = 4096  # the space of the smallest file on most file systems
_MEMBER = re.compile(r"[^\0-\x1f\x7f/]{1,120}(/[^\0-\x1f\x7f/]{1,120}){0,3}")
_HEADERS = {"path", "size"}  # the PAX headers that tarfile writes for our names and sizes
_HEADER_MAX_BYTES = 65_536

# The errors that a crafted tar can raise in the parser; a truncated one raises ReadError.
DAMAGED = (
    tarfile.TarError,
    msgspec.DecodeError,
    EOFError,
    ValueError,
    OverflowError,
    RecursionError,
    KeyError,
    IndexError,
)


OnBytes = Callable[[int], None]


def ignore(size_bytes: int) -> None:
    """Tells nobody how far a backup is."""


class _Manifest(msgspec.Struct, frozen=True):
    """The last member, so that a truncated backup has none. `sha256`: the digest of each other member, by name."""

    format: str
    schema: int
    sha256: dict[str, str]


class BackupContents(Struct, frozen=True):
    """The size of a surveyed archive, the manifest included: the number of files, and the disk space that they need."""

    files: int
    room_bytes: int


def starts_like_a_backup(file: Path) -> bool:
    """Whether a file begins as a backup does: with the database's header."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(DATABASE_NAME) + 1) == DATABASE_NAME.encode() + b"\0"
    except OSError:
        return False


def pack(parcel: Path, schema: int, members: Iterable[tuple[str, Path]], *, on_bytes: OnBytes = ignore) -> None:
    """Write a new archive, synced, mode 0600. Raises OSError, and StartupError where there are too many files.

    `on_bytes` is told of each piece how long it is.
    """
    sha256: dict[str, str] = {}
    with open(os.open(parcel, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, path in members:
                if len(sha256) == MEMBERS_MAX - 1:
                    raise StartupError(
                        f"there are more than {MEMBERS_MAX:,} files: back up DATA_DIR by a snapshot of its file system"
                    )
                try:
                    source = path.open("rb")
                except FileNotFoundError:
                    continue  # removed since the listing
                with source:
                    sha256[name] = _add(tar, name, source, os.fstat(source.fileno()).st_size, on_bytes)
                _forget_members(tar)
            manifest = msgspec.json.encode(_Manifest(_FORMAT, schema, sha256))
            with tempfile.TemporaryFile() as text:
                text.write(manifest)
                text.seek(0)
                _add(tar, MANIFEST_NAME, text, len(manifest), ignore)
        output.flush()
        os.fsync(output.fileno())


def _forget_members(tar: tarfile.TarFile) -> None:
    """Drop the list of members that tarfile keeps in memory: there may be two million."""
    tar.members = []  # type: ignore[attr-defined]


def _add(tar: tarfile.TarFile, name: str, source: IO[bytes], size_bytes: int, on_bytes: OnBytes) -> str:
    """Add one member. Returns its SHA-256. Raises OSError if the file shrinks meanwhile."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size_bytes, 0o600
    hashed = _HashingReader(source, on_bytes)
    tar.addfile(info, hashed)
    return hashed.digest.hexdigest()


class _HashingReader:
    """A readable file that hashes the bytes read."""

    def __init__(self, source: IO[bytes], on_bytes: OnBytes) -> None:
        self._source = source
        self._on_bytes = on_bytes
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        self._on_bytes(len(data))
        return data


@contextmanager
def open_backup(file: Path) -> Iterator[BinaryIO]:
    """Open an archive to read. Raises OSError, and tarfile.TarError if it is not a regular file."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a pipe must not block
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise tarfile.ReadError("not a regular file")
        with open(descriptor, "rb", closefd=False) as source:
            yield source
    finally:
        os.close(descriptor)


def read_contents(source: BinaryIO, *, members_max: int = MEMBERS_MAX) -> BackupContents:
    """Check all headers without unpacking. Raises one of DAMAGED for anything but a backup of this program."""
    room_bytes = 0
    for files, (_, info) in enumerate(_members(source, members_max), 1):
        room_bytes += -(-info.size // _BLOCK_BYTES) * _BLOCK_BYTES
        if info.name == MANIFEST_NAME:
            return BackupContents(files, room_bytes + _BLOCK_BYTES * files)  # and one block for each name
    raise tarfile.ReadError("no manifest")


def unpack(source: BinaryIO, folder: Path, contents: BackupContents, *, on_bytes: OnBytes = ignore) -> None:
    """Write the members under `folder`, check each, and write no more than surveyed. Raises one of DAMAGED, OSError.

    `on_bytes` is told of each piece how long it is.
    """
    sha256: dict[str, str] = {}
    left = contents.room_bytes
    for tar, info in _members(source, contents.files):
        content = tar.extractfile(info)
        left -= info.size
        if content is None or left < 0:
            raise tarfile.ReadError("it changes while it is read")
        if info.name == MANIFEST_NAME:
            manifest = msgspec.json.decode(content.read(), type=_Manifest)
            if manifest.format != _FORMAT or manifest.sha256 != sha256 or DATABASE_NAME not in sha256:
                raise tarfile.ReadError("the contents are not those of its manifest")
            _sync_tree(folder)
            return
        sha256[info.name] = _extract(content, folder / info.name, on_bytes)
    raise tarfile.ReadError("no manifest")


def _members(source: BinaryIO, members_max: int) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """The members. Raises tarfile.ReadError for a kind, name or size that `pack` does not write."""
    source.seek(0)
    with tarfile.open(fileobj=_BoundedReader(source), mode="r:") as tar:  # type: ignore[call-overload]
        reached = -1
        for _ in range(members_max):
            info = tar.next()
            if info is None:
                return
            # A negative size would make the parser loop for ever.
            if info.offset_data <= reached or not _is_ours(info):
                raise tarfile.ReadError(f"unexpected member {info.name[:80]!r}")
            reached = info.offset_data
            yield tar, info
            _forget_members(tar)
        raise tarfile.ReadError(f"more than {members_max:,} members")


def _is_ours(info: tarfile.TarInfo) -> bool:
    """Whether a member is a regular file without holes, with a name of DATA_DIR, below at most three folders."""
    if not info.isreg() or info.issparse() or info.size < 0 or not set(info.pax_headers) <= _HEADERS:
        return False
    parts = info.name.split("/")
    if parts[0] == FILES_NAME:
        return len(parts) > 1 and not {".", ".."} & set(parts) and _MEMBER.fullmatch(info.name) is not None
    most = {DATABASE_NAME: 2**63, SECRET_NAME: _SECRET_MAX_BYTES, MANIFEST_NAME: _MANIFEST_MAX_BYTES}
    return info.size <= most.get(info.name, -1)


class _BoundedReader:
    """A file with a bound on each read, because the parser reads a header whole, whatever size it claims."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.name = getattr(source, "name", None)
        self.mode = "rb"

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _CHUNK_BYTES + _HEADER_MAX_BYTES:
            raise tarfile.ReadError("an unlikely header")
        return self._source.read(size)

    def seek(self, place: int) -> int:
        return self._source.seek(place)

    def tell(self) -> int:
        return self._source.tell()


def _extract(source: IO[bytes], target: Path, on_bytes: OnBytes) -> str:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        while data := source.read(_CHUNK_BYTES):
            digest.update(data)
            output.write(data)
            on_bytes(len(data))
        output.flush()
        os.fsync(output.fileno())
    return digest.hexdigest()


def _sync_tree(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        if path.is_dir():
            sync_directory(path)

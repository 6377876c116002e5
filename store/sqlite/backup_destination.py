"""Checks that a backup does not overwrite the data that it copies.

Knows the names in DATA_DIR, and how an archive begins.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from common.startup_error import StartupError
from store.blobs import PROVISIONAL_SUFFIX, folder_of
from store.sqlite.backup_archive import starts_like_a_backup
from store.sqlite.connection import DATABASE_NAME
from store.sqlite.data_directory import FILES_NAME, RESTORING_NAME
from store.sqlite.directory_lock import LOCK_NAME
from store.sqlite.exporter import SOURCE_ID_NAME
from store.sqlite.generated_secret import SECRET_NAME
from store.sqlite.store import QUEUE_NAME

_FOLDER = re.compile(r"[0-9a-f]{2}")  # store.blobs.folder_of
_NAMES = {
    *(f"{DATABASE_NAME}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")),
    *(SECRET_NAME, LOCK_NAME, QUEUE_NAME, SOURCE_ID_NAME, RESTORING_NAME),
}


def uploads(data_dir: Path, *, provisional: bool = False) -> Iterator[Path]:
    """The files of uploads, in order. Foreign files between them are left out, above all a backup.

    `provisional`: include those of uploads that are not complete.
    """
    for folder in _listed(data_dir / FILES_NAME):
        if _FOLDER.fullmatch(folder.name) and folder.is_dir(follow_symlinks=False):
            for entry in _listed(Path(folder.path)):
                path = Path(entry.path)
                if not entry.is_file(follow_symlinks=False) or (path.suffix == PROVISIONAL_SUFFIX and not provisional):
                    continue
                if folder.name == folder_of(entry.name) or not starts_like_a_backup(path):
                    yield path


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def require_harmless(file: Path, data_dir: Path) -> None:
    """Raises StartupError if `file` is one of DATA_DIR's files, by any name or link, or is not a regular file.

    Raises OSError.
    """
    place = file.absolute().parent.resolve(strict=True) / file.name
    home = data_dir.resolve()
    if place.is_relative_to(home) and _is_taken(place.relative_to(home).parts):
        raise _refusal(file)
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise StartupError(f"{file} is there, and is not a regular file: no backup is written over it")
    for own in (*(data_dir / name for name in _NAMES), *uploads(data_dir, provisional=True)):
        try:
            if os.path.samestat(os.stat(own), found):
                raise _refusal(file)
        except FileNotFoundError:
            continue  # missing, or removed since the listing


def _is_taken(parts: tuple[str, ...]) -> bool:
    """Whether a path in DATA_DIR is the store's, also if no file exists there yet."""
    if not parts or parts[0] in _NAMES:
        return True
    return parts[0] == FILES_NAME and (len(parts) == 1 or (len(parts) == 3 and parts[1] == folder_of(parts[2])))


def _refusal(file: Path) -> StartupError:
    return StartupError(f"{file} is one of the files of DATA_DIR: no backup is written over it")

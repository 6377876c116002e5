"""The embedded store: one SQLite file through apsw. The only package that may import apsw."""

from store.sqlite.backup import backup, restore
from store.sqlite.check import is_there, look, look_for_users
from store.sqlite.directory_lock import DirectoryLock
from store.sqlite.export import SqliteExport
from store.sqlite.generated_secret import SECRET_NAME, generated_secret
from store.sqlite.store import SqliteStore, open_store

__all__ = [
    "SECRET_NAME",
    "DirectoryLock",
    "SqliteExport",
    "SqliteStore",
    "backup",
    "generated_secret",
    "is_there",
    "look",
    "look_for_users",
    "open_store",
    "restore",
]

"""The embedded store: one SQLite file through apsw. The only package that may import apsw."""

from store.sqlite.backup import backup, restore
from store.sqlite.deployment_check import is_there, probe, taken_usernames
from store.sqlite.directory_lock import DirectoryLock
from store.sqlite.exporter import SqliteExporter
from store.sqlite.generated_secret import SECRET_NAME, generated_secret
from store.sqlite.store import SqliteStore, open_store

__all__ = [
    "SECRET_NAME",
    "DirectoryLock",
    "SqliteExporter",
    "SqliteStore",
    "backup",
    "generated_secret",
    "is_there",
    "open_store",
    "probe",
    "restore",
    "taken_usernames",
]

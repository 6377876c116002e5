"""The embedded store: opens the file, builds the collections, closes in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from common.startup_error import StartupError
from monitor.observer import Observer
from monitor.part_metrics import PartMetrics
from store.blobs import Blobs, DiskBlobs
from store.contract import (
    AuditTrail,
    Avatars,
    Bans,
    Blocks,
    Bots,
    Changes,
    EndedAccounts,
    Files,
    Invites,
    Members,
    Messages,
    Moderation,
    Monitoring,
    Reports,
    Rooms,
    Sessions,
    Settings,
    Users,
    Webhooks,
)
from store.expiry_sweep import sweep_all, until_empty
from store.group_commit import GroupCommitWriter
from store.monotonic_clock import MonotonicClock
from store.sqlite.audit import SqliteAuditTrail
from store.sqlite.avatars import SqliteAvatars
from store.sqlite.bans import SqliteBans
from store.sqlite.blocks import SqliteBlocks
from store.sqlite.bots import SqliteBots
from store.sqlite.changes import SqliteChanges
from store.sqlite.connection import (
    DATABASE_NAME,
    open_reading,
    open_writing,
    reason_of,
    require_sound_sqlite,
)
from store.sqlite.data_directory import FILES_NAME, prepare
from store.sqlite.database import Database
from store.sqlite.deleted_rooms import DeletedRooms
from store.sqlite.ended_accounts import SqliteEndedAccounts
from store.sqlite.expired_rows import Sweeper
from store.sqlite.files import SqliteFiles
from store.sqlite.invites import SqliteInvites
from store.sqlite.members import SqliteMembers
from store.sqlite.messages import SqliteMessages
from store.sqlite.metrics_history import SqliteMonitoring
from store.sqlite.moderation import SqliteModeration
from store.sqlite.pending_rows import index_left
from store.sqlite.read_connections import ReaderPool
from store.sqlite.reports import SqliteReports
from store.sqlite.rooms import SqliteRooms
from store.sqlite.rows import fetch
from store.sqlite.schema_version import COMPATIBLE_FROM, migrate
from store.sqlite.search_index import IndexSweep
from store.sqlite.search_indexing import SearchIndexing
from store.sqlite.sessions import SqliteSessions
from store.sqlite.settings import SqliteSettings
from store.sqlite.slow_operations import SlowOperationLog
from store.sqlite.users import SqliteUsers
from store.sqlite.webhooks import SqliteWebhooks
from store.sqlite.write_transactions import Transactor
from store.store_inspection import PoolState, StoreInspection, store_metrics

READER_THREADS = 2
SEARCH_THREADS = 1  # each search holds the interpreter's lock for a part of its time: more would not be quicker
SEARCH_WITHIN_S = 2.0
SEARCHES_WAITING_MAX = 200
QUEUE_NAME = "writers"

# SQLite's wait for another process ends before the caller's deadline, so that the caller gets the reason "busy".
BUSY_SHARE = 0.6


class SqliteStore:
    """store.contract.Store on one SQLite file. Made by `open_store`."""

    def __init__(self, *, database: Database, blobs: Blobs, indexing: SearchIndexing | None) -> None:
        self._database = database
        self._blobs = blobs
        self._indexing = indexing
        deleted = DeletedRooms(database=database)
        self.users: Users = SqliteUsers(database=database)
        self.bots: Bots = SqliteBots(database=database)
        self.webhooks: Webhooks = SqliteWebhooks(database=database)
        self.sessions: Sessions = SqliteSessions(database=database)
        self.rooms: Rooms = SqliteRooms(database=database, deleted=deleted)
        self.members: Members = SqliteMembers(database=database)
        self.messages: Messages = SqliteMessages(database=database, indexing=indexing)
        self.changes: Changes = SqliteChanges(database=database)
        files = SqliteFiles(database=database, blobs=blobs)
        self.files: Files = files
        self.avatars: Avatars = SqliteAvatars(database=database)
        self.invites: Invites = SqliteInvites(database=database)
        self.moderation: Moderation = SqliteModeration(database=database)
        self.bans: Bans = SqliteBans(database=database)
        self.reports: Reports = SqliteReports(database=database)
        self.audit: AuditTrail = SqliteAuditTrail(database=database)
        self.monitoring: Monitoring = SqliteMonitoring(database=database)
        self.settings: Settings = SqliteSettings(database=database)
        self.blocks: Blocks = SqliteBlocks(database=database)
        self.ended_accounts: EndedAccounts = SqliteEndedAccounts(database=database)
        self._kinds = (
            Sweeper(database=database).sweep,
            deleted.sweep,
            files.sweep,  # after the rooms whose messages showed some
            IndexSweep(database=database).sweep,
            until_empty(blobs.sweep),
        )

    @property
    def name(self) -> str:
        return "sqlite"

    @property
    def pending_writes(self) -> int:
        return self._database.pending_writes

    @property
    def pending_writes_max(self) -> int:
        return self._database.pending_writes_max

    @property
    def pool(self) -> PoolState:
        """The readers."""
        return self._database.pool

    def metrics(self) -> PartMetrics:
        return store_metrics(self.pool, pending_writes=self.pending_writes, pending_writes_max=self.pending_writes_max)

    async def ping(self) -> None:
        """Write and read a row: only that detects a full disk or a removed file."""
        clock = self._database.clock
        await self._database.write(
            "store.ping",
            lambda connection: fetch(connection, "INSERT OR REPLACE INTO pulse VALUES (1, ?)", (clock(),)),
            guarded=False,
        )
        await self._database.read("store.ping", lambda connection: fetch(connection, "SELECT * FROM pulse"))

    async def inspect(self) -> StoreInspection:
        started_s = time.monotonic()
        await self.ping()
        return StoreInspection(
            latency_ms=(time.monotonic() - started_s) * 1000,
            pool=self.pool,
            pending_writes=self.pending_writes,
            pending_writes_limit=self.pending_writes_max,
        )

    async def sweep(self, now_ms: int) -> int:
        """Remove, in slices, what has expired, what failed uploads and deleted rooms have left, and files that nothing
        shows.

        What older programs have written meanwhile is indexed for search.
        """
        return await sweep_all(self._kinds, now_ms)

    async def close(self) -> None:
        if self._indexing is not None:
            await self._indexing.close()
        await self._database.close()
        await self._blobs.close()


async def open_store(
    data_dir: Path,
    *,
    timeout_s: float,
    group_commit: bool,
    observer: Observer,
    now_ms: Callable[[], int],
    shared: bool = False,
    beside: bool = False,
    slow_ms: float = 1000.0,
) -> SqliteStore:
    """Open the store in DATA_DIR. Creates it if missing and migrates it. Raises StartupError in one line.

    `shared`: other processes write the same file, so commits take turns. The caller holds the DirectoryLock, or is
    `beside` one that may: what is pending is then left to be indexed by whoever has written it, or starts next. An
    operation over `slow_ms` is logged.
    """
    observer = SlowOperationLog(observer=observer, slow_ms=slow_ms)
    path = data_dir / DATABASE_NAME
    transactor, connections = await asyncio.to_thread(_open, path, timeout_s * BUSY_SHARE, shared, beside)
    readers = ReaderPool(
        connections=connections[SEARCH_THREADS:],
        observer=observer,
        timeout_s=timeout_s,
        failed=lambda: transactor.failed,
    )
    searchers = ReaderPool(
        connections=connections[:SEARCH_THREADS],
        observer=observer,
        timeout_s=min(timeout_s, SEARCH_WITHIN_S),
        failed=lambda: transactor.failed,
        waiting_max=SEARCHES_WAITING_MAX,
        thread_name="store-search",
    )
    writer: GroupCommitWriter[apsw.Connection] = GroupCommitWriter(
        transactor=transactor,
        observer=observer,
        timeout_s=timeout_s,
        **({} if group_commit else {"batch_max_operations": 1}),
    )
    database = Database(writer=writer, readers=readers, searchers=searchers, clock=MonotonicClock(now_ms))
    # Beside other processes, which may be of a program of before this, messages are indexed in the commit as it does.
    indexing = None if shared else SearchIndexing(database=database)
    return SqliteStore(database=database, blobs=DiskBlobs(data_dir / FILES_NAME), indexing=indexing)


def _open(path: Path, busy_timeout_s: float, shared: bool, beside: bool) -> tuple[Transactor, list[apsw.Connection]]:
    require_sound_sqlite()
    prepare(path.parent)
    connections: list[apsw.Connection] = []
    try:
        path.touch(mode=0o600)
        connections.append(open_writing(path, busy_timeout_s=busy_timeout_s))
        migrate(connections[0], compatible_from=COMPATIBLE_FROM)
        _probe(connections[0])
        if not beside:
            index_left(connections[0])
        connections += [
            open_reading(path, busy_timeout_s=busy_timeout_s) for _ in range(READER_THREADS + SEARCH_THREADS)
        ]
        transactor = Transactor(
            path=path,
            connection=connections[0],
            queue_path=path.parent / QUEUE_NAME if shared else None,
            busy_timeout_s=busy_timeout_s,
        )
    except (apsw.Error, OSError, StartupError) as error:
        for connection in connections:
            connection.close()
        raise StartupError(_start_failure(path, error)) from error
    return transactor, connections[1:]


def _probe(connection: apsw.Connection) -> None:
    """Read a row of each table, so that a damaged or truncated file is found at start. Raises apsw.Error."""
    for (table,) in fetch(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'"):
        fetch(connection, f'SELECT * FROM "{table}" LIMIT 1')
    fetch(connection, "SELECT max(row) FROM messages")


_REFUSALS = {
    "full": "the disk is full: free some space, or move DATA_DIR to another disk",
    "busy": "another process holds it locked: stop what uses it",
    "corrupt": "the file is damaged, or no SQLite database; restore a backup",
    "io": "it cannot be read and written: see what the system's log says of the disk",
    "gone": "it cannot be opened: this user must own it, and its folder",
}


def _start_failure(path: Path, error: Exception) -> str:
    if isinstance(error, StartupError):
        return f"{path}: {error}"
    if isinstance(error, OSError):
        return f"{path}: {error.strerror}"
    return f"{path}: {_REFUSALS.get(reason_of(error) or '', error)}"

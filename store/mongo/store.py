"""The MongoDB store: connects, creates the indexes, builds the collections, closes in order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from common.startup_error import StartupError
from monitor.observer import Observer
from monitor.part_metrics import PartMetrics
from store.blobs import PROVISIONAL_KEEP_S
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
from store.mongo import indexes, schema_version
from store.mongo.audit import MongoAuditTrail
from store.mongo.avatars import MongoAvatars
from store.mongo.bans import MongoBans
from store.mongo.blocks import MongoBlocks
from store.mongo.bots import MongoBots
from store.mongo.change_log import ChangeLog
from store.mongo.changes import MongoChanges
from store.mongo.client import MongoOptions, connect, refusal_of
from store.mongo.database import Database, stored_time
from store.mongo.database_lease import Lease
from store.mongo.deleted_rooms import DeletedRooms
from store.mongo.driver_monitoring import (
    CommandMonitor,
    PoolMonitor,
    ServerMonitor,
    is_unexpected,
    waiting_for_a_thread,
)
from store.mongo.ended_accounts import MongoEndedAccounts
from store.mongo.expired_documents import ExpiredDocuments, OldAddresses, OrphanedDocuments
from store.mongo.files import BUCKET, GridBlobs, MongoFiles
from store.mongo.importer import MongoImporter
from store.mongo.invites import MongoInvites
from store.mongo.members import MongoMembers
from store.mongo.membership_repairs import banned_members, bots_with_roles
from store.mongo.message_append import Appender
from store.mongo.messages import MongoMessages
from store.mongo.metrics_history import MongoMonitoring
from store.mongo.moderation import MongoModeration
from store.mongo.reports import MongoReports
from store.mongo.rooms import MongoRooms
from store.mongo.search import TextSearch, has_text_search
from store.mongo.sessions import MongoSessions
from store.mongo.settings import MongoSettings
from store.mongo.unfolded_messages import UnfoldedMessages
from store.mongo.users import MongoUsers
from store.mongo.webhooks import MongoWebhooks
from store.store_inspection import PoolState, StoreInspection, store_metrics

# A membership that is older than this and has no room is an orphan: its room will not be inserted any more.
ROOM_WITHIN_MS = 3600 * 1000


class MongoStore:
    """store.contract.Store on MongoDB. Made by `open_store`."""

    def __init__(
        self, *, database: Database, pool: PoolMonitor, search: TextSearch, options: MongoOptions, group_commit: bool
    ) -> None:
        self._database = database
        self._pool = pool
        self._pool_limit = options.max_pool_size
        self._search = search
        one_by_one = {} if group_commit else {"batch_max": 1}
        self._appender = Appender(database=database, **one_by_one)
        self._log = ChangeLog(database=database, **one_by_one)
        deleted = DeletedRooms(database=database)
        self.users: Users = MongoUsers(database=database)
        self.bots: Bots = MongoBots(database=database, log=self._log)
        self.webhooks: Webhooks = MongoWebhooks(database=database, log=self._log)
        self.sessions: Sessions = MongoSessions(database=database)
        self.rooms: Rooms = MongoRooms(database=database, log=self._log, deleted=deleted)
        self.members: Members = MongoMembers(database=database, log=self._log)
        self._mongo_messages = MongoMessages(database=database, appender=self._appender, log=self._log, search=search)
        self.messages: Messages = self._mongo_messages
        self.changes: Changes = MongoChanges(database=database)
        self._blobs = GridBlobs(database=database)
        files = MongoFiles(database=database, blobs=self._blobs)
        self.files: Files = files
        self.avatars: Avatars = MongoAvatars(database=database, files=files)
        self.invites: Invites = MongoInvites(database=database, log=self._log)
        self.moderation: Moderation = MongoModeration(database=database, log=self._log)
        self.bans: Bans = MongoBans(database=database, log=self._log)
        self.reports: Reports = MongoReports(database=database)
        self.audit: AuditTrail = MongoAuditTrail(database=database)
        self.monitoring: Monitoring = MongoMonitoring(database=database)
        self.settings: Settings = MongoSettings(database=database)
        self.blocks: Blocks = MongoBlocks(database=database)
        self.ended_accounts: EndedAccounts = MongoEndedAccounts(database=database)
        # Members and chunks are written before their parents, so that readers find a parent complete or not at all.
        members = OrphanedDocuments(
            database=database, children=database.members, field="roomId", parents=database.rooms, keep_ms=ROOM_WITHIN_MS
        )
        chunks = OrphanedDocuments(
            database=database,
            children=database.raw[f"{BUCKET}.chunks"],
            field="files_id",
            parents=database.raw[f"{BUCKET}.files"],
            keep_ms=PROVISIONAL_KEEP_S * 1000,
        )
        expired, unseen = ExpiredDocuments(database=database), OldAddresses(database=database)
        self._kinds = (
            expired.sweep,
            unseen.sweep,
            deleted.sweep,
            files.sweep,  # after the rooms whose messages showed some
            members.sweep,
            chunks.sweep,
            until_empty(self._blobs.sweep),
            UnfoldedMessages(database=database).sweep,
            banned_members(database, self._log).sweep,
            *(bots_with_roles(database, self._log, of).sweep for of in (database.bots, database.webhooks)),
        )

    @property
    def name(self) -> str:
        return "mongodb"

    @property
    def pending_writes(self) -> int:
        return self._database.pending_writes

    @property
    def pending_writes_max(self) -> int:
        return self._database.pending_max

    @property
    def pool(self) -> PoolState:
        """The connections. Operations that wait in a room's queue do not wait for a connection and are not counted."""
        waiting = self._pool.waiting + waiting_for_a_thread()
        return PoolState(in_use=self._pool.in_use, waiting=waiting, limit=self._pool_limit)

    def metrics(self) -> PartMetrics:
        return store_metrics(self.pool, pending_writes=self.pending_writes, pending_writes_max=self.pending_writes_max)

    async def ping(self) -> None:
        """Write and read a document: only that detects a missing primary or a full disk."""
        async with self._database.operation("store.ping", write=True):
            pulse = self._database.raw["pulse"]
            written_at = stored_time(self._database.clock())
            await pulse.update_one({"_id": "pulse"}, {"$set": {"writtenAt": written_at}}, upsert=True)
            await pulse.find_one({"_id": "pulse"})

    async def inspect(self) -> StoreInspection:
        started_s = time.monotonic()
        await self.ping()
        latency_ms = (time.monotonic() - started_s) * 1000
        async with self._database.operation("store.inspect"):
            missing, wrong = await indexes.compare_indexes(self._database, with_text=self._search.has_text)
            lag_s = await self._replication_lag_s()
        return StoreInspection(
            latency_ms=latency_ms,
            pool=self.pool,
            pending_writes=self.pending_writes,
            pending_writes_limit=self.pending_writes_max,
            wrong_indexes=(*missing, *wrong),
            replication_lag_s=lag_s,
        )

    async def _replication_lag_s(self) -> float | None:
        if "ReplicaSet" not in self._database.client.delegate.topology_description.topology_type_name:
            return None
        try:
            status = await self._database.client.admin.command("replSetGetStatus")
        except OperationFailure:  # no right to ask
            return None
        return lag_of(status)

    def importer(self) -> MongoImporter:
        """The importer of another store's records."""
        return MongoImporter(database=self._database)

    async def count(self, kind: str) -> int:
        """The estimated number of documents of a collection."""
        async with self._database.operation("store.count"):
            return await self._database.raw[kind].estimated_document_count()

    def lease(self, holder: str | None) -> Lease:
        """The lease that keeps a second process from this database; not acquired yet."""
        return Lease(database=self._database, holder=holder)

    async def sweep(self, now_ms: int) -> int:
        """Remove, in slices, expired documents, what failed uploads, room creations and deleted rooms have left, and
        files that nothing shows.

        What older programs have written meanwhile is mended too.
        """
        return await sweep_all(self._kinds, now_ms)

    async def close(self) -> None:
        await self._database.close()
        await self._appender.close()
        await self._mongo_messages.close()
        await self._log.close()
        await self._search.close()


def lag_of(status: Mapping[str, Any]) -> float | None:
    """The replication lag of the slowest secondary in seconds, by replSetGetStatus; None without one, or a primary."""
    members = status["members"]
    primary = next((member["optimeDate"] for member in members if member["stateStr"] == "PRIMARY"), None)
    behind = [primary - member["optimeDate"] for member in members if primary and member["stateStr"] == "SECONDARY"]
    return max((max(0.0, lag.total_seconds()) for lag in behind), default=None)


async def open_store(
    options: MongoOptions,
    *,
    timeout_s: float,
    group_commit: bool,
    observer: Observer,
    now_ms: Callable[[], int],
    slow_ms: float = 1000.0,
) -> MongoStore:
    """Connect within the server selection timeout and create the indexes. Raises StartupError in one line."""
    logging.getLogger("pymongo.client").addFilter(is_unexpected)
    pool = PoolMonitor(observer=observer)
    commands = CommandMonitor(observer=observer, slow_ms=slow_ms)
    client = connect(options, listeners=(commands, pool, ServerMonitor(observer=observer)))
    database = Database(
        client=client,
        name=options.db_name,
        write_concern=options.w,
        timeout_s=timeout_s,
        observer=observer,
        now_ms=now_ms,
    )
    started_s = time.monotonic()
    try:
        with pymongo.timeout(options.server_selection_timeout_ms / 1000):
            await client.admin.command("ping")
            await database.rooms.find_one({}, {"_id": 1})
        await schema_version.ensure(database)
        refused = await indexes.ensure(database)
        search = TextSearch(database=database, has_text=await has_text_search(database))
        if search.has_text and refused:
            raise StartupError(refused[0])
    except PyMongoError as error:
        client.close()
        raise StartupError(refusal_of(error, options, time.monotonic() - started_s)) from error
    except BaseException:  # refused, or cancelled
        client.close()
        raise
    return MongoStore(database=database, pool=pool, search=search, options=options, group_commit=group_commit)

"""What all collections share: deadlines, the bound on operations, read and write concerns, translation of errors.

Knows no documents.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pymongo
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from monitor.observer import Observer
from store.errors import StoreTimeout, StoreUnavailable, failure_of
from store.mongo.errors import explained
from store.monotonic_clock import MonotonicClock

Document = dict[str, Any]
Collection = AsyncIOMotorCollection[Document]

# The driver ends an operation at its deadline. One that waits for a Motor thread does not reach the driver; it is
# cancelled this much later.
SLACK_S = 0.25
CODEC: CodecOptions[Document] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


class Database:
    """The shared database handle. Reads are on the primary and see every acknowledged write.

    With `write_concern` "majority", reads return majority-committed data: a failover takes back nothing that was
    written or read. With a number a failover may take back both. `clock` gives the times that are stored, in
    milliseconds. `timeout_s` bounds each operation.
    """

    def __init__(
        self,
        *,
        client: AsyncIOMotorClient[Document],
        name: str,
        write_concern: str | int,
        timeout_s: float,
        observer: Observer,
        now_ms: Callable[[], int],
        pending_max: int = 10_000,
    ) -> None:
        self.client = client
        # With a smaller write concern an acknowledged write may not be in the majority's snapshot, so read "local".
        level = "majority" if write_concern == "majority" else "local"
        self.raw: AsyncIOMotorDatabase[Document] = client.get_database(
            name,
            codec_options=CODEC,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern(level),
            write_concern=WriteConcern(w=write_concern, j=True),
        )
        self.timeout_s = timeout_s
        self.clock = MonotonicClock(now_ms)
        self._observer = observer
        self.pending_max = pending_max
        self._pending = 0
        self._writes = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.users: Collection = self.raw["users"]
        self.sessions: Collection = self.raw["sessions"]
        self.known_addresses: Collection = self.raw["known_addresses"]
        self.rooms: Collection = self.raw["rooms"]
        self.members: Collection = self.raw["members"]
        self.messages: Collection = self.raw["messages"]
        self.changes: Collection = self.raw["changes"]
        self.message_edits: Collection = self.raw["message_edits"]
        self.reactions: Collection = self.raw["reactions"]
        self.deleted_rooms: Collection = self.raw["deleted_rooms"]
        self.invites: Collection = self.raw["invites"]
        self.files: Collection = self.raw["files"]
        self.bans: Collection = self.raw["bans"]
        self.reports: Collection = self.raw["reports"]
        self.audit: Collection = self.raw["audit"]
        self.monitoring: Collection = self.raw["monitoring"]
        self.blocks: Collection = self.raw["blocks"]
        self.settings: Collection = self.raw["settings"]
        self.bots: Collection = self.raw["bots"]
        self.webhooks: Collection = self.raw["webhooks"]

    @property
    def pending(self) -> int:
        """Operations begun and not yet ended."""
        return self._pending

    @property
    def pending_writes(self) -> int:
        """Writes begun and not yet ended."""
        return self._writes

    @asynccontextmanager
    async def operation(self, name: str, *, write: bool = False) -> AsyncIterator[None]:
        """The context of one operation of a caller: its bound, deadline, metrics and errors.

        Raises StoreUnavailable, StoreTimeout, or what the body raises.
        """
        if self._closed or self._pending >= self.pending_max:
            reason = "closed" if self._closed else "stalled"
            self._observer.store_operation(name, 0.0, reason)
            raise StoreUnavailable(reason)
        started_s = time.monotonic()
        failure: str | None = None
        self._pending += 1
        self._writes += write
        self._idle.clear()
        try:
            async with asyncio.timeout(self.timeout_s + SLACK_S):
                with pymongo.timeout(self.timeout_s):
                    yield
        except (PyMongoError, BSONError) as error:  # a document too large is the latter
            ours = explained(name, error)
            failure = failure_of(ours)
            if ours is error:
                raise
            raise ours from error
        except TimeoutError as error:
            failure = "timeout"
            raise StoreTimeout(name) from error
        except Exception as error:
            failure = failure_of(error)
            raise
        finally:
            self._pending -= 1
            self._writes -= write
            if not self._pending:
                self._idle.set()
            self._observer.store_operation(name, time.monotonic() - started_s, failure)

    def committed(self, operations: int, seconds: float) -> None:
        """Report a batch that was written as one commit to the observer."""
        self._observer.store_commit(operations, seconds)

    async def close(self) -> None:
        """Refuse new operations and wait for the running ones, at most for their deadline. Idempotent."""
        self._closed = True
        with suppress(TimeoutError):  # the operations fail at their own deadlines
            await asyncio.wait_for(self._idle.wait(), self.timeout_s + SLACK_S)
        await asyncio.to_thread(self.client.delegate.close)  # it blocks: it ends the server's sessions


def stored_time(epoch_ms: int) -> DatetimeMS:
    """A time as it is stored: a BSON date, in milliseconds."""
    return DatetimeMS(epoch_ms)


def stored_time_or_none(epoch_ms: int | None) -> DatetimeMS | None:
    """A time as it is stored, None where there is none."""
    return None if epoch_ms is None else stored_time(epoch_ms)


def epoch_ms(value: DatetimeMS | None) -> int | None:
    """Milliseconds of a stored time, None where there is none."""
    return None if value is None else int(value)


def unset(value: Mapping[str, Any]) -> Document:
    """The document without fields that are None: an absent field takes no space and reads as None."""
    return {name: part for name, part in value.items() if part is not None}

"""The door to the database that the collections share: deadlines, bounds, concerns, and what a failure becomes.

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

# The driver ends an operation at its deadline; this much later it is given up without it (it may wait for one of
# Motor's threads).
SLACK_S = 0.25
CODEC: CodecOptions[Document] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


class Database:
    """What a collection is given. Reads are on the primary, and see every write that was acknowledged.

    With `write_concern` "majority" they are of what a majority has: a failover takes nothing back that was written or
    read. With a number it may take back both. `clock` gives the times that are stored; `timeout_s` bounds each
    operation, whatever the driver waits for.
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
        # What fewer have acknowledged is not in a majority's snapshot yet: a read of that would miss it.
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
        self.reactions: Collection = self.raw["reactions"]
        self.files: Collection = self.raw["files"]
        self.monitoring: Collection = self.raw["monitoring"]

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
        """What a caller asks for, as a whole. Raises StoreUnavailable, StoreTimeout, or what is raised within."""
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
        """Tell the observer of a batch that was written as one."""
        self._observer.store_commit(operations, seconds)

    async def close(self) -> None:
        """Refuse what comes now, and wait for what was accepted, at most for the deadline. Idempotent."""
        self._closed = True
        with suppress(TimeoutError):  # its callers are told at their own deadlines
            await asyncio.wait_for(self._idle.wait(), self.timeout_s + SLACK_S)
        await asyncio.to_thread(self.client.delegate.close)  # it says goodbye to the server


def stored_time(epoch_ms: int) -> DatetimeMS:
    """A time as it is stored: a BSON date, in milliseconds."""
    return DatetimeMS(epoch_ms)


def epoch_ms(value: DatetimeMS | None) -> int | None:
    """Milliseconds of a stored time, None where there is none."""
    return None if value is None else int(value)


def unset(value: Mapping[str, Any]) -> Document:
    """A document without the fields that are None: an absent field takes no room, and reads as None."""
    return {name: part for name, part in value.items() if part is not None}

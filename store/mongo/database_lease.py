"""A lease on a database that one process alone may use: a document whose counter `beat` the holder increments.

Clocks of two machines are never compared: a process that wants the lease polls the counter, and takes the lease over
after 10 s of its own monotonic time without an increment. The previous holder notices at its next renewal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from pymongo.errors import DuplicateKeyError

from common.startup_error import StartupError
from store.errors import StoreError
from store.mongo.database import Database

logger = logging.getLogger(__name__)

LEASE_S = 10.0
BEAT_S = 2.5
_POLL_EVERY_S = 0.5
_KEY = {"_id": "server"}


_SEVERAL = "several"


class Lease:
    """Use `acquire`, then watch `lost` until `release`.

    `holder` names this run of this process. None: the lease is shared by any number of processes. Shared and exclusive
    holders exclude each other.
    """

    def __init__(self, *, database: Database, holder: str | None) -> None:
        self._database = database
        self._leases = database.raw["leases"]
        self._is_shared = holder is None
        self._holder = holder or _SEVERAL
        self._renewing: asyncio.Task[None] | None = None
        self.lost = asyncio.Event()

    async def acquire(self) -> None:
        """Take the lease, after up to 10 s if an ended process left it. Raises StartupError if its holder is alive."""
        try:
            await self._wait_and_take()
        except StoreError as error:
            raise StartupError(f"the database's lease cannot be taken: {error}") from error
        self._renewing = asyncio.create_task(self._renew_until_lost())

    async def _wait_and_take(self) -> None:
        seen: tuple[str, int] | None = None
        since_s = time.monotonic()
        while not await self._take(seen if time.monotonic() - since_s >= LEASE_S else None):
            async with self._database.operation("lease.look"):
                found = await self._leases.find_one(_KEY)
            now = None if found is None else (found["holder"], found["beat"])
            if seen is not None and now is not None and now != seen:
                raise StartupError(f"the database is in use by another process ({self._hint})")
            if seen is None and now is not None:
                logger.info("the database's lease is held; waiting to see whether its holder lives")
                since_s = time.monotonic()
            seen = now
            await asyncio.sleep(_POLL_EVERY_S)

    async def _take(self, dead: tuple[str, int] | None) -> bool:
        """Take a free lease, or that of `dead`: a holder and its last beat. Returns False if that did not succeed."""
        ours = {"holder": self._holder, "beat": 0}
        async with self._database.operation("lease.take", write=True):
            if self._is_shared and await self._renew():
                return True
            if dead is not None:
                holder, beat = dead
                result = await self._leases.update_one({**_KEY, "holder": holder, "beat": beat}, {"$set": ours})
                return result.modified_count > 0
            try:
                await self._leases.insert_one({**_KEY, **ours})
            except DuplicateKeyError:
                return False
        return True

    @property
    def _hint(self) -> str:
        if self._is_shared:
            return "which runs without Redis: stop it first"
        return "several can share it with REDIS_HOST or REDIS_URL set"

    async def _renew(self) -> bool:
        """Increment the lease's beat. Returns False if this process does not hold it."""
        result = await self._leases.update_one({**_KEY, "holder": self._holder}, {"$inc": {"beat": 1}})
        return result.matched_count > 0

    async def _renew_until_lost(self) -> None:
        """Renew the lease every BEAT_S seconds, and set `lost` once another process has taken it.

        After any error the next renewal is tried: only a successful one shows who holds the lease. While the database
        is unreachable no other process can take it either.
        """
        is_logged = False
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                async with self._database.operation("lease.beat", write=True):
                    is_ours = await self._renew()
            except StoreError:
                continue
            except Exception:
                if not is_logged:
                    logger.exception("a beat of the database's lease failed")
                is_logged = True
                continue
            is_logged = False
            if not is_ours:
                logger.critical("another process has taken the database's lease")
                self.lost.set()
                return

    async def release(self) -> None:
        """Give the lease back, so that the next start need not wait. Idempotent."""
        if self._renewing is None:
            return
        self._renewing.cancel()
        await asyncio.gather(self._renewing, return_exceptions=True)
        self._renewing = None
        if self._is_shared:
            return  # other processes may still hold it; without any it ends after 10 s
        with contextlib.suppress(StoreError):
            async with self._database.operation("lease.release", write=True):
                await self._leases.delete_one({**_KEY, "holder": self._holder})

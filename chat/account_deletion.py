"""The deletion of an account by its owner, in steps that may be repeated: a crash half way is finished later.

The account is over with the first step. The others take away what it has left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from msgspec import Struct

from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.logins import Identity, Logins
from chat.password_confirmation import confirmed
from chat.passwords import Passwords
from chat.rooms import Rooms
from cluster.contract import Bus
from cluster.events import AccountEnded
from cluster.topics import EVERYONE
from store.contract import Store
from store.errors import Missing, StoreError

log = logging.getLogger(__name__)

AT_ONCE_S = 5.0  # what takes longer than this in the request itself is done by `finish_pending`
# The steps are repeated once, when no command of the deleted account can be under way any more (10 s at most).
SETTLED_AFTER_MS = 15_000
PENDING_A_CALL = 20
# What fails for one account is tried again after this time, twice as long after each further failure.
RETRY_AFTER_S = 60.0
RETRY_AFTER_MAX_S = 3600.0
FAILED_MAX = 1000


class _Failed(Struct, frozen=True):
    """An account whose end failed here. `again_at`: when it is tried again, by the monotonic clock, in seconds.

    `is_forgotten`: its old name was dropped from the caches after the last erasure, and nothing brings it back.
    """

    again_at: float
    wait_s: float
    is_forgotten: bool


class AccountDeletion:
    """The use case. `now_ms` is the wall clock, `now` is monotonic, in seconds."""

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        bus: Bus,
        passwords: Passwords,
        logins: Logins,
        rooms: Rooms,
        now_ms: Callable[[], int],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._passwords = passwords
        self._logins = logins
        self._rooms = rooms
        self._now_ms = now_ms
        self._now = now
        self._failed: dict[str, _Failed] = {}  # by user id, the latest last; FAILED_MAX at most

    async def delete(self, identity: Identity, password: str) -> None:
        """Delete the account.

        Raises ChatError forbidden for a wrong password, unavailable; StoreError: then the account is as it was, or,
        after a StoreTimeout, deleted.
        """
        user_id = identity.user.id
        await self._end(user_id, password)
        log.info("account deleted", extra={"fields": {"user": user_id}})
        try:
            async with asyncio.timeout(AT_ONCE_S):
                await self._clear_away(user_id)
        except (StoreError, TimeoutError) as error:
            log.warning("the end of a deleted account is to be finished: %s", error or "it takes long")

    async def _end(self, user_id: str, password: str) -> None:
        async def end(before: str) -> list[str]:
            async with self._cache.fence(self._keys.user(user_id), self._keys.email(user_id)):
                return await self._store.ended_accounts.end(user_id, before=before)

        revoked = await confirmed(
            end, user_id=user_id, password=password, users=self._store.users, passwords=self._passwords
        )
        await self._logins.publish_revoked(user_id, revoked)

    async def _clear_away(self, user_id: str) -> None:
        """Remove what is left of a deleted account. May be repeated. Raises StoreError."""
        await self._store.ended_accounts.erase(user_id)
        await self._forget_name(user_id)
        await self._leave_rooms(user_id)

    async def _forget_name(self, user_id: str) -> None:
        """Drop the encoded messages with the old name: they may be in any room's cached page, and in the hubs."""
        self._cache.invalidate_all()
        self._bus.publish(EVERYONE, AccountEnded(user_id))

    async def _leave_rooms(self, user_id: str) -> None:
        """A direct room keeps both its members, as it does when somebody is there no more."""
        for room_id in await self._store.rooms.joined_by(user_id):
            room = await self._store.rooms.get(room_id)
            if room is not None and room.kind != "direct":
                with contextlib.suppress(Missing):  # the room was deleted meanwhile
                    await self._rooms.end_membership(room_id, user_id)

    async def finish_pending(self) -> None:
        """Repeat the steps for accounts that were deleted a while ago, and note that they are done.

        To be called every few seconds; any process may do it, several at once too. What fails for one account is tried
        again after RETRY_AFTER_S or more, and holds up no other one meanwhile. Raises StoreError.
        """
        before_ms, now = self._now_ms() - SETTLED_AFTER_MS, self._now()
        waiting = [user_id for user_id, failed in self._failed.items() if failed.again_at > now]
        for user_id in await self._store.ended_accounts.unfinished(
            ended_before_ms=before_ms, limit=PENDING_A_CALL, without=waiting
        ):
            failed = self._failed.pop(user_id, None)
            is_forgotten = failed is not None and failed.is_forgotten
            try:
                await self._store.ended_accounts.erase(user_id, is_last=True)
                if not is_forgotten:
                    await self._forget_name(user_id)
                    is_forgotten = True
                await self._leave_rooms(user_id)
                await self._store.ended_accounts.finish(user_id)
            except StoreError as error:
                log.warning("the end of a deleted account is still to be finished: %s", error)
                self._note_failure(user_id, failed, is_forgotten=is_forgotten)

    def _note_failure(self, user_id: str, before: _Failed | None, *, is_forgotten: bool) -> None:
        wait_s = RETRY_AFTER_S if before is None else min(2 * before.wait_s, RETRY_AFTER_MAX_S)
        self._failed[user_id] = _Failed(self._now() + wait_s, wait_s, is_forgotten)
        if len(self._failed) > FAILED_MAX:
            del self._failed[next(iter(self._failed))]

"""Reads a room and a user's membership in it, or the peer there, from the store; concurrent callers share reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from chat.recheck_requests import MembershipKey
from store.contract import Store
from store.keyed_batcher import KeyedBatcher
from store.models import Standing, User

BATCH_MAX = 200  # whose joins all go on in one loop turn, for some 8 ms
WAITING_MAX = 20_000
TIMEOUT_S = 10.0  # as long as a command may take

ReadStandings = Callable[[Sequence[MembershipKey]], Awaitable[Sequence[Standing | None]]]


class MembershipReader:
    """Reads memberships in batches of `BATCH_MAX`, one batch at a time; `WAITING_MAX` callers may wait."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._batcher: KeyedBatcher[MembershipKey, Standing | None] = KeyedBatcher(
            work=self._read_batch, batch_max=BATCH_MAX, waiting_max=WAITING_MAX, timeout_s=TIMEOUT_S
        )
        self._peers: KeyedBatcher[MembershipKey, User | None] = KeyedBatcher(
            work=self._read_peers, batch_max=BATCH_MAX, waiting_max=WAITING_MAX, timeout_s=TIMEOUT_S
        )

    async def read(self, room_id: str, user_id: str) -> Standing | None:
        """The room and the user's membership, read after this was called; None where there is no such room.

        Raises StoreError.
        """
        return await self._batcher.submit("", (room_id, user_id))

    async def peer(self, room_id: str, user_id: str) -> User | None:
        """The other person of a direct room of the user, read after this was called; None in other rooms.

        Raises StoreError.
        """
        return await self._peers.submit("", (room_id, user_id))

    async def close(self) -> None:
        """Cancel the reads that are under way."""
        await self._batcher.close()
        await self._peers.close()

    async def _read_batch(self, _: str, memberships: Sequence[MembershipKey]) -> Sequence[Standing | None | Exception]:
        return await self._store.members.standings(memberships)

    async def _read_peers(self, _: str, memberships: Sequence[MembershipKey]) -> Sequence[User | None | Exception]:
        return await self._store.rooms.peers(memberships)


async def members_among(standings: ReadStandings, room_id: str, user_ids: Sequence[str]) -> set[str]:
    """Those of these users who are members of the room, as `standings` of the store says. Raises StoreError."""
    found = zip(user_ids, await standings([(room_id, user_id) for user_id in user_ids]), strict=True)
    return {user_id for user_id, standing in found if standing is not None and standing.membership is not None}

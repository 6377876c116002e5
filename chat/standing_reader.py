"""How people stand to rooms, as the store says now: those who ask in one loop turn, and while a read is under way,
share one read.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.contract import Store
from store.keyed_batcher import KeyedBatcher
from store.models import Standing

BATCH_MAX = 500
WAITING_MAX = 20_000
WITHIN_S = 10.0  # as long as a command may take

Pair = tuple[str, str]


class StandingReader:
    """Reads standings in batches, one at a time."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._batcher: KeyedBatcher[Pair, Standing | None] = KeyedBatcher(
            work=self._read, batch_max=BATCH_MAX, waiting_max=WAITING_MAX, timeout_s=WITHIN_S
        )

    async def of(self, room_id: str, user_id: str) -> Standing | None:
        """The room and the user's membership, read after this was called; None where there is no such room.

        Raises StoreError.
        """
        return await self._batcher.submit("", (room_id, user_id))

    async def close(self) -> None:
        """Give up on what is under way."""
        await self._batcher.close()

    async def _read(self, _: str, pairs: Sequence[Pair]) -> Sequence[Standing | None | Exception]:
        return await self._store.members.standings(pairs)

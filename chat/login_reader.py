"""Reads the sessions of those who connect, each with its user's account; those who wait share reads of the store.

A herd whose users are not cached is 1,000 sessions and 1,000 accounts in half a second, of which each was a read.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.contract import Store
from store.keyed_batcher import KeyedBatcher
from store.models import Account, Session

BATCH_MAX = 200
WAITING_MAX = 20_000
TIMEOUT_S = 10.0  # as long as a command may take

LoginKey = tuple[str, str]  # session id, user id
Login = tuple[Session | None, Account | None]


class LoginReader:
    """Reads in batches of `BATCH_MAX`, one batch at a time; `WAITING_MAX` callers may wait."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._batcher: KeyedBatcher[LoginKey, Login] = KeyedBatcher(
            work=self._read_batch, batch_max=BATCH_MAX, waiting_max=WAITING_MAX, timeout_s=TIMEOUT_S
        )

    async def read(self, session_id: str, user_id: str) -> Login:
        """The session and the account, read after this was called; None for each that there is not.

        Raises StoreError.
        """
        return await self._batcher.submit("", (session_id, user_id))

    async def close(self) -> None:
        """Cancel the reads that are under way."""
        await self._batcher.close()

    async def _read_batch(self, _: str, keys: Sequence[LoginKey]) -> Sequence[Login | Exception]:
        return await self._store.sessions.with_accounts(keys)

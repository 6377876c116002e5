"""Where accounts were good before, so that strangers' guesses lock nobody out there.

Keeps keyed hashes, never an address.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from limits.ip_addresses import fold_address
from store.contract import Users

RENEWED_EVERY_MS = 24 * 3600 * 1000  # a login a day is enough to keep an address, and saves the others a write
_MARK_BYTES = 16


class KnownAddresses:
    """`secrets`: those that sign tokens, the present one first. A stolen database tells no address without them."""

    def __init__(self, *, users: Users, secrets: Sequence[str], now_ms: Callable[[], int]) -> None:
        self._users = users
        self._keys = [hmac.digest(secret.encode(), b"known addresses", hashlib.sha256) for secret in secrets]
        self._now_ms = now_ms

    async def knows(self, user_id: str, address: str) -> str | None:
        """The address's mark, where the account was good there before; else None.

        Nobody's id takes as long. Raises StoreError.
        """
        marks = self._marks(user_id, address)
        seen_ms = await self._users.address_seen(user_id, marks, now_ms=self._now_ms())
        return marks[0] if marks and seen_ms is not None else None

    async def remember(self, user_id: str, address: str) -> None:
        """The account is good there now. What is no address is not remembered: it may be anybody. Raises StoreError."""
        marks, now_ms = self._marks(user_id, address), self._now_ms()
        if not marks:
            return
        seen_ms = await self._users.address_seen(user_id, marks[:1], now_ms=now_ms)
        if seen_ms is None or now_ms - seen_ms >= RENEWED_EVERY_MS:
            await self._users.remember_address(user_id, marks[0], now_ms=now_ms)

    def _marks(self, user_id: str, address: str) -> list[str]:
        try:
            ip_address(address.partition("%")[0])
        except ValueError:
            return []
        said = f"{len(user_id)}:{user_id}:{fold_address(address)}".encode()
        return [hmac.digest(key, said, hashlib.sha256)[:_MARK_BYTES].hex() for key in self._keys]

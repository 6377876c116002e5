"""The addresses that an account was used from, so that other people's failed logins lock nobody out there.

Stores keyed hashes, never an address.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from limits.ip_addresses import fold_address
from store.contract import Users

RENEWED_EVERY_MS = 24 * 3600 * 1000  # one write a day keeps an address; further logins of the day write nothing
_MARK_BYTES = 16


class KnownAddresses:
    """`secrets` are those that sign tokens, the present one first: without them a stolen database shows no address.

    `now_ms` is the wall clock.
    """

    def __init__(self, *, users: Users, secrets: Sequence[str], now_ms: Callable[[], int]) -> None:
        self._users = users
        self._keys = [hmac.digest(secret.encode(), b"known addresses", hashlib.sha256) for secret in secrets]
        self._now_ms = now_ms

    async def knows(self, user_id: str, address: str) -> str | None:
        """Return the address's mark if the account was used from there before, else None.

        An empty id, of no account, takes as long. Raises StoreError.
        """
        marks = self._marks(user_id, address)
        seen_ms = await self._users.address_seen(user_id, marks, now_ms=self._now_ms())
        return marks[0] if marks and seen_ms is not None else None

    async def remember(self, user_id: str, address: str) -> None:
        """Note that the account is used from there. A text that is no IP address is ignored: anybody may share it.

        Raises StoreError.
        """
        marks, now_ms = self._marks(user_id, address), self._now_ms()
        if not marks:
            return
        seen_ms = await self._users.address_seen(user_id, marks[:1], now_ms=now_ms)
        if seen_ms is None or now_ms - seen_ms >= RENEWED_EVERY_MS:
            await self._users.remember_address(user_id, marks[0], now_ms=now_ms)

    def _marks(self, user_id: str, address: str) -> list[str]:
        """Return one mark per secret; none for a text that is no IP address."""
        try:
            ip_address(address.partition("%")[0])
        except ValueError:
            return []
        marked = f"{len(user_id)}:{user_id}:{fold_address(address)}".encode()
        return [hmac.digest(key, marked, hashlib.sha256)[:_MARK_BYTES].hex() for key in self._keys]

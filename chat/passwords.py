"""Password hashing: argon2id off the loop, on a bounded pool of threads. Knows no accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct

from chat.errors import ChatError
from chat.password_rules import forms_of, opaque_string

T = TypeVar("T")


class Match(Struct, frozen=True):
    """The result of a check: whether the password is the hashed one.

    `better_hash` is the hash of its normalised form, where the stored one is of the text as it was sent.
    """

    is_right: bool
    better_hash: str | None = None


NO_MATCH = Match(False)


class Passwords:
    """Hashes and checks passwords.

    `max_waiting` bounds the calls under way and queued; past it they raise ChatError unavailable.
    """

    def __init__(self, *, threads: int = 2, max_waiting: int = 64) -> None:
        # OWASP's first choice for argon2id: 19 MiB, 2 passes, 1 lane. Some 25 ms; two threads use 38 MiB at most.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._max_waiting = max_waiting
        self._waiting = 0
        self._nobody = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """Return the encoded hash of a password that `new_password` returned. Raises ChatError unavailable."""
        return await self._run(lambda: self._hasher.hash(password))

    async def check(self, password: str, encoded: str | None) -> Match:
        """Check a password against a hash; None or '', for no such account, takes as long and never matches.

        Raises ChatError unavailable.
        """

        def check() -> Match:
            for number, form in enumerate(forms_of(password)):
                if self._verifies(encoded or self._nobody, form) and encoded:
                    return Match(True, self._hasher.hash(opaque_string(password)) if number else None)
            return NO_MATCH

        return await self._run(check)

    def _verifies(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._max_waiting:
            raise ChatError("unavailable")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Drop what is queued; threads end after the hash under way."""
        self._executor.shutdown(wait=False, cancel_futures=True)

"""Writes that their user has to confirm with the password: it is checked first, and asked again within the write."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chat.errors import ChatError
from chat.passwords import Passwords
from store.contract import Users
from store.errors import Outdated

T = TypeVar("T")

TRIES = 2  # a login may meanwhile store another hash of the same password, once


async def confirmed(
    write: Callable[[str], Awaitable[T]], *, user_id: str, password: str, users: Users, passwords: Passwords
) -> T:
    """Return what `write` returns, which is called with the hash that the password was found good for.

    Checking takes a while, so `write` raises Outdated where the account has another hash by then: if that is of another
    password, this one is wrong. Raises ChatError forbidden for a wrong password, unavailable; StoreError.
    """
    for _ in range(TRIES):
        account = await users.account(user_id)
        if account is None or not (await passwords.check(password, account.password_hash)).is_right:
            break
        with contextlib.suppress(Outdated):
            return await write(account.password_hash)
    raise ChatError("forbidden", "The password is wrong.")

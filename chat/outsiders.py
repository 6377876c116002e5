"""What people are told who are refused because they are no members of a room: that, or that they are banned from it.

The store is asked only after the refusal. To a stranger a private room is not there, banned or not: callers have
refused with room_not_found or message_not_found by then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat.errors import ChatError
from store.contract import Store
from store.errors import Refused
from store.models import Refusal


async def refusal_of_outsider(store: Store, room_id: str, user_id: str) -> ChatError:
    """Return the refusal, banned or not_member, for a user who is no member of a room that they may know of.

    Raises StoreError.
    """
    (is_banned,) = await store.bans.among([(room_id, user_id)])
    return ChatError("banned" if is_banned else "not_member")


@asynccontextmanager
async def banned_are_told(store: Store, room_id: str, user_id: str) -> AsyncIterator[None]:
    """Where the body refuses with not_member, raise what `refusal_of_outsider` returns in its place."""
    try:
        yield
    except Refused as refused:
        if refused.refusal is not Refusal.NOT_MEMBER:
            raise
        raise await refusal_of_outsider(store, room_id, user_id) from refused

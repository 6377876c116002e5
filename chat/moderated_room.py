"""Whether somebody moderates a room, as the store says now: for reads and writes that are a moderator's alone."""

from __future__ import annotations

from chat.errors import ChatError
from store.contract import Store
from store.models import Actor, Room
from store.room_rules import require_moderator


async def moderated_room(store: Store, room_id: str, actor: Actor) -> Room:
    """Return a room that the actor moderates.

    Raises ChatError room_not_found, also where the actor may not know of the room; Refused not_member, forbidden;
    StoreError.
    """
    of = await store.rooms.get_for(room_id, actor.user_id)
    if of is None or (of.membership is None and of.room.is_private and not actor.is_admin):
        raise ChatError("room_not_found")
    require_moderator(of.room, actor, None if of.membership is None else of.membership.role)
    return of.room

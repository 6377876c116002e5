"""A room with an owner, a moderator and a member, in a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from store.contract import Store
from store.models import Actor, AuditEntry, Role, User

ADMIN = Actor("somewhere else", is_admin=True)


class ModeratedRoom:
    """A room with an owner, a moderator and a member."""

    def __init__(self, store: Store, room_id: str, owner: User, moderator: User, member: User) -> None:
        self.store = store
        self.id = room_id
        self.owner = owner
        self.moderator = moderator
        self.member = member

    async def role(self, user: User) -> Role | None:
        membership = await self.store.members.get(self.id, user.id)
        return None if membership is None else membership.role

    async def audit(self) -> list[AuditEntry]:
        return (await self.store.audit.page(self.id, limit=100, after=None))[0]

    async def rev(self) -> int:
        return (await self.store.rooms.heads([self.id]))[self.id].rev


MakeRoom = Callable[..., Awaitable[ModeratedRoom]]


def by(user: User) -> Actor:
    return Actor(user.id)

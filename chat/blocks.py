"""Whom a user blocked: the client hides what they write, the server refuses their invitations and direct rooms."""

from __future__ import annotations

from chat.errors import invalid
from chat.presenter import Presenter
from chat.profiles import Profiles
from store.contract import Store
from store.models import User


class Blocks:
    """The use cases of blocks."""

    def __init__(self, *, store: Store, profiles: Profiles, presenter: Presenter) -> None:
        self._store = store
        self._profiles = profiles
        self._presenter = presenter

    async def list(self, user_id: str) -> list[User]:
        """Return whom the user blocked, the last blocked first. Raises StoreError."""
        return [self._presenter.user(user) for user in await self._store.blocks.list(user_id)]

    async def add(self, user_id: str, blocked_id: str) -> None:
        """Block somebody.

        Raises ChatError validation_failed (oneself); Missing, Refused (BLOCKS_MAX are blocked), StoreError.
        """
        _require_other(user_id, blocked_id)
        await self._store.blocks.add(user_id, blocked_id)

    async def remove(self, user_id: str, blocked_id: str) -> None:
        """End a block, if there is one.

        Raises ChatError validation_failed (oneself), user_not_found; StoreError.
        """
        _require_other(user_id, blocked_id)
        await self._profiles.user(blocked_id)
        await self._store.blocks.remove(user_id, blocked_id)


def _require_other(user_id: str, other_id: str) -> None:
    if user_id == other_id:
        raise invalid(userId="takes another person's id")

"""Users and their profiles: read through the cache, changed, searched. Knows no password and no token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import UNSET

from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.errors import ChatError
from chat.presenter import Presenter
from chat.request_inputs.people import PatchProfile
from chat.request_results.people import OwnUser
from store.contract import Store
from store.models import Account, ProfileChange, Status, User


class Profiles:
    """The use cases of profiles."""

    def __init__(self, *, store: Store, cache: Cache, keys: Keys, presenter: Presenter) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._presenter = presenter

    async def user(self, user_id: str) -> User:
        """Any user as stored, through the cache. Raises ChatError user_not_found; StoreError."""
        user = await self.find(user_id)
        if user is None:
            raise ChatError("user_not_found")
        return user

    async def find(self, user_id: str) -> User | None:
        """As `user`, None where there is none. Raises StoreError."""
        return await self._cache.get_or_load(self._keys.user(user_id), lambda: self._store.users.get(user_id))

    async def shown_user(self, user_id: str) -> User:
        """Any user as others see them. Raises ChatError user_not_found; StoreError."""
        return self._presenter.user(await self.user(user_id))

    async def search(self, prefix: str, limit: int) -> list[User]:
        """Up to `limit` users whose names begin with `prefix`, as others see them. Raises StoreError."""
        return [self._presenter.user(user) for user in await self._store.users.search(prefix, limit)]

    async def own(self, user_id: str) -> OwnUser:
        """One's own user, through the cache. Raises ChatError user_not_found; StoreError."""
        found = await self.find_own(user_id)
        if found is None:
            raise ChatError("user_not_found")
        return found[1]

    async def find_own(
        self, user_id: str, load_account: Callable[[], Awaitable[Account | None]] | None = None
    ) -> tuple[User, OwnUser] | None:
        """As `find`, and as one sees oneself. Where the user is not cached, one read brings both: `load_account`, if a
        caller has one that brings more. Raises StoreError.
        """
        read_email: str | None = None

        async def load() -> User | None:
            nonlocal read_email
            account = await (self._store.users.account(user_id) if load_account is None else load_account())
            if account is None:
                return None
            read_email = account.email
            return account.user

        user = await self._cache.get_or_load(self._keys.user(user_id), load)
        if user is None:
            return None
        email = read_email  # none where the user was cached, or where another caller's load brought it
        if email is None:
            email = await self._cache.get_or_load(self._keys.email(user_id), lambda: self._email_of(user_id))
        return user, self._presenter.own_user(user, email or "")

    async def _email_of(self, user_id: str) -> str | None:
        account = await self._store.users.account(user_id)
        return account.email if account is not None else None

    async def update(self, user_id: str, body: PatchProfile) -> OwnUser:
        """Change one's profile; returns one's own user. Raises StoreError."""
        change = ProfileChange(
            display_name=False if body.display_name is UNSET else body.display_name,
            text_color=False if body.text_color is UNSET else body.text_color,
            background_color=False if body.background_color is UNSET else body.background_color,
            custom_status=False if body.custom_status is UNSET else body.custom_status,
        )
        await self._change(user_id, change)
        return await self.own(user_id)

    async def set_status(self, user_id: str, status: Status, custom_status: str | bool | None) -> User:
        """Store the chosen status; `custom_status` False leaves the custom status as it is. Raises StoreError."""
        return await self._change(user_id, ProfileChange(status=status, custom_status=custom_status))

    async def set_avatar(self, user_id: str, file_id: str | None) -> OwnUser:
        """Make one of the user's files their picture; None: have none. Returns one's own user. Raises StoreError."""
        async with self._cache.fence(self._keys.user(user_id)):
            await self._store.avatars.set(user_id, file_id)
        return await self.own(user_id)

    async def _change(self, user_id: str, change: ProfileChange) -> User:
        async with self._cache.fence(self._keys.user(user_id)):
            return await self._store.users.update(user_id, change)

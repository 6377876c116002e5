"""What use cases return about people and logins."""

from __future__ import annotations

from msgspec import Struct

from store.models import User


class OwnUser(User, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One's own user: as others see it, with the email address."""

    email: str


class UserResult(Struct, frozen=True):
    """One user as others see them."""

    user: User


class OwnUserResult(Struct, frozen=True):
    """One's own user."""

    user: OwnUser


class UserList(Struct, frozen=True):
    """Users whose names begin as it was asked for."""

    users: list[User]


class Credentials(Struct, frozen=True, rename="camel"):
    """The reply to a register, login or refresh; `expires_in` is the access token's life in seconds."""

    user: OwnUser
    access_token: str
    refresh_token: str
    expires_in: int


class Authenticated(Struct, frozen=True, rename="camel"):
    """The result of authenticate; `expires_at` is the RFC 3339 time at which the token ends."""

    user: OwnUser
    expires_at: str


class SessionView(Struct, frozen=True, rename="camel"):
    """A login as its user sees it. `last_used_at`: when it began or was refreshed last. `current`: it is asking."""

    id: str
    created_at: str
    last_used_at: str
    user_agent: str | None
    current: bool


class SessionList(Struct, frozen=True):
    """A user's live logins, the last used first."""

    sessions: list[SessionView]


class BlockList(Struct, frozen=True):
    """Whom a user blocked, the last blocked first."""

    users: list[User]

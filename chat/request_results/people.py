"""What use cases return about people and logins."""

from __future__ import annotations

from msgspec import Struct

from store.models import User


class OwnUser(User, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One's own user: as others see it, with the email address."""

    email: str


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

"""The sender of a request and its transport: what use cases and limits need besides the request's own fields."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from store.models import User

Transport = Literal["ws", "rest"]


class RequestContext(Struct, frozen=True):
    """One request's client address, transport, and user (None before authentication).

    `user_agent` is what the client says of itself in a request that begins a login.
    """

    address: str
    transport: Transport
    user: User | None = None
    user_agent: str | None = None

    @property
    def username(self) -> str | None:
        """The user's name; None before authentication, when no name is proven."""
        return None if self.user is None else self.user.username

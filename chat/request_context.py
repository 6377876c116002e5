"""Who sends a request and how it came: what a use case needs to know beside the request's own fields."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from store.models import User

Transport = Literal["ws", "rest"]


class RequestContext(Struct, frozen=True):
    """One request's sender: the client's address, how the request came, and the user (None before authentication)."""

    address: str
    transport: Transport
    user: User | None = None

    @property
    def username(self) -> str | None:
        """The user's name; None before authentication, when no name is proven."""
        return None if self.user is None else self.user.username

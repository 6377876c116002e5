"""Who moderates every room: the users that ADMIN_USERS names."""

from __future__ import annotations

from collections.abc import Iterable

from store.models import Actor, User


class Administrators:
    """The administrators by name, without regard to case. Such names cannot be registered (chat/reserved_names.py).

    A bot is none, though it may have had the name before the setting did.
    """

    def __init__(self, *, usernames: Iterable[str]) -> None:
        self._usernames = frozenset(name.casefold() for name in usernames)

    def has(self, user: User) -> bool:
        return user.username.casefold() in self._usernames and not user.is_bot

    def actor(self, user: User) -> Actor:
        """The user as one who asks for a change."""
        return Actor(user.id, self.has(user))

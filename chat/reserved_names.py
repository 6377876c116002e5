"""User names that give rights by a setting. Their accounts cannot be registered by clients, only by an operator."""

from __future__ import annotations

from collections.abc import Iterable

from limits.whitelist import Whitelist


class ReservedNames:
    """The names in ADMIN_USERS and in the whitelist; the whitelist's file may be reloaded while the process runs."""

    def __init__(self, *, admin_users: Iterable[str], whitelist: Whitelist) -> None:
        self._admins = frozenset(name.casefold() for name in admin_users)
        self._whitelist = whitelist

    def has(self, username: str) -> bool:
        """Whether a name is listed, in upper or lower case."""
        folded = username.casefold()
        return folded in self._admins or folded in self._whitelist.usernames

    def all(self) -> list[str]:
        """Every listed name, case-folded, in order."""
        return sorted(self._admins | self._whitelist.usernames)

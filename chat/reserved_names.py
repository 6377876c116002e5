"""User names that give rights by a setting.

Whoever has such an account has those rights, so strangers may not make it.
"""

from __future__ import annotations

from collections.abc import Iterable

from limits.whitelist import Whitelist


class ReservedNames:
    """Those of ADMIN_USERS, and those of the whitelist as it is now: its file may be read again."""

    def __init__(self, *, admin_users: Iterable[str], whitelist: Whitelist) -> None:
        self._admins = frozenset(name.casefold() for name in admin_users)
        self._whitelist = whitelist

    def has(self, username: str) -> bool:
        """Whether a name is listed, however it is written."""
        folded = username.casefold()
        return folded in self._admins or folded in self._whitelist.usernames

    def all(self) -> list[str]:
        """Every listed name, case-folded, in order."""
        return sorted(self._admins | self._whitelist.usernames)

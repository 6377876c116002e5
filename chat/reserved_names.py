"""User names that cannot be registered by clients, only made by an operator: those that give rights by a setting, and
the one that is shown for everybody who deleted the account.
"""

from __future__ import annotations

from collections.abc import Iterable

from limits.whitelist import Whitelist
from store.models import DELETED_USERNAME


class ReservedNames:
    """The names in ADMIN_USERS and in the whitelist; the whitelist's file may be reloaded while the process runs."""

    def __init__(self, *, admin_users: Iterable[str], whitelist: Whitelist) -> None:
        self._admins = frozenset(name.casefold() for name in admin_users)
        self._whitelist = whitelist

    def has(self, username: str) -> bool:
        """Whether a name is listed, in upper or lower case, or is that of the deleted."""
        folded = username.casefold()
        return folded in self._admins or folded in self._whitelist.usernames or folded == DELETED_USERNAME

    def all(self) -> list[str]:
        """Every listed name, case-folded, in order."""
        return sorted(self._admins | self._whitelist.usernames)

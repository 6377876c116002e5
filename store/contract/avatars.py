"""The pictures of users: what every store backend guarantees for them.

The package says what holds for all.
"""

from __future__ import annotations

from typing import Protocol

from store.models import User


class Avatars(Protocol):
    """Which file is a user's picture: every user may read it."""

    async def set(self, user_id: str, file_id: str | None) -> User:
        """Make one of the user's own files the picture; None: have none. Of calls at once, the last one holds.

        The file that was it before is there no more, unless a message shows it: then it stays what it is to others. Its
        bytes may stay for the sweep, as in Files.
        Raises Missing: "user", also for a deleted account, "file" where the user has no such file.
        """

"""Bounds how many downloads are under way: each holds up to half a megabyte for a reader who may be slow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from chat.errors import ChatError

AT_ONCE = 256  # of all users in this process
AT_ONCE_BY_USER = 100  # as many as a browser may ask for on one connection (RFC 9113 section 6.5.2)


class DownloadPlaces:
    """Gives places to downloads."""

    def __init__(self) -> None:
        self._by_user: Counter[str] = Counter()

    @contextmanager
    def taken(self, user_id: str) -> Iterator[None]:
        """Hold a place for a download. Raises ChatError unavailable."""
        if self._by_user.total() >= AT_ONCE or self._by_user[user_id] >= AT_ONCE_BY_USER:
            raise ChatError("unavailable", "Too many downloads are under way.", retry_after_s=1)
        self._by_user[user_id] += 1
        try:
            yield
        finally:
            self._by_user[user_id] -= 1
            if not self._by_user[user_id]:
                del self._by_user[user_id]

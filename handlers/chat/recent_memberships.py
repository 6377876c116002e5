"""Which memberships began and ended lately, so that news of them may come in any order, and before who they are about is known here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from handlers.chat.newest import KEEP_S, MAX_SUBJECTS


class Fact(NamedTuple):
    """The newest of one membership: what ended by a rev had begun at it at the latest, so that of equals the end is the newer."""

    rev: int
    has_ended: bool


class RecentMemberships:
    """Keeps the newest fact of each membership for `keep_s` after it was heard, `max_facts` at most; `now` is monotonic, in seconds."""

    def __init__(self, *, now: Callable[[], float], keep_s: float = KEEP_S, max_facts: int = MAX_SUBJECTS) -> None:
        self._now = now
        self._keep_s = keep_s
        self._max_facts = max_facts
        self._facts: OrderedDict[tuple[str, str], tuple[Fact, float]] = OrderedDict()  # (user id, room id) → it, and when it was heard
        self._rooms: dict[str, set[str]] = {}  # user id → rooms that there are facts of

    def __len__(self) -> int:
        return len(self._facts)

    def takes(self, room_id: str, user_id: str, fact: Fact) -> bool:
        """Whether nothing newer is known; then this is the newest."""
        if not self.allows(room_id, user_id, fact):
            return False
        now = self._now()
        self._facts[user_id, room_id] = fact, now
        self._facts.move_to_end((user_id, room_id))
        self._rooms.setdefault(user_id, set()).add(room_id)
        while len(self._facts) > self._max_facts or next(iter(self._facts.values()))[1] < now - self._keep_s:
            self._forget_oldest()
        return True

    def allows(self, room_id: str, user_id: str, fact: Fact) -> bool:
        """Whether nothing newer is known."""
        known = self._facts.get((user_id, room_id))
        return known is None or fact >= known[0]

    def began(self, user_id: str) -> Iterator[tuple[str, int]]:
        """The user's memberships that began lately and have not ended: room id, rev."""
        for room_id in self._rooms.get(user_id, ()):
            fact, _ = self._facts[user_id, room_id]
            if not fact.has_ended:
                yield room_id, fact.rev

    def _forget_oldest(self) -> None:
        (user_id, room_id), _ = self._facts.popitem(last=False)
        rooms = self._rooms[user_id]
        rooms.discard(room_id)
        if not rooms:
            del self._rooms[user_id]

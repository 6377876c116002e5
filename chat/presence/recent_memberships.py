"""Which memberships began and ended lately, so that news of them may come in any order, and before who they are about
is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from chat.newest_values import KEEP_S, MAX_SUBJECTS, NewestValues


class MembershipFact(NamedTuple):
    """The newest of one membership: what ended by a rev had begun at it at the latest, so that of equals the end is the
    newer.
    """

    rev: int
    has_ended: bool


class RecentMemberships:
    """Keeps the newest fact of each membership for `keep_s` after it was heard, `max_facts` at most; `now` is
    monotonic, in seconds.
    """

    def __init__(self, *, now: Callable[[], float], keep_s: float = KEEP_S, max_facts: int = MAX_SUBJECTS) -> None:
        self._facts: NewestValues[tuple[str, str], MembershipFact] = NewestValues(  # (user id, room id) → it
            now=now, keep_s=keep_s, max_subjects=max_facts, let_go=self._is_forgotten
        )
        self._began: dict[str, set[str]] = {}  # user id → rooms whose newest fact is a beginning

    def __len__(self) -> int:
        return len(self._facts)

    def takes(self, room_id: str, user_id: str, fact: MembershipFact) -> bool:
        """Whether nothing newer is known; then this is the newest."""
        if not self._facts.takes((user_id, room_id), fact):
            return False
        if fact.has_ended:
            self._is_forgotten((user_id, room_id))
        else:
            self._began.setdefault(user_id, set()).add(room_id)
        return True

    def allows(self, room_id: str, user_id: str, fact: MembershipFact) -> bool:
        """Whether nothing newer is known."""
        known = self._facts.get((user_id, room_id))
        return known is None or fact >= known

    def began(self, user_id: str) -> Iterator[tuple[str, int]]:
        """The user's memberships that began lately and have not ended: room id, rev."""
        for room_id in self._began.get(user_id, ()):
            fact = self._facts.get((user_id, room_id))
            if fact is not None:
                yield room_id, fact.rev

    def sweep(self) -> None:
        """Let go of some of what has had its time (see NewestValues.sweep)."""
        self._facts.sweep()

    def _is_forgotten(self, subject: tuple[str, str]) -> None:
        user_id, room_id = subject
        rooms = self._began.get(user_id, set())
        rooms.discard(room_id)
        if not rooms:
            self._began.pop(user_id, None)

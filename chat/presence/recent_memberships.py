"""Which memberships began and ended lately, for facts that arrive out of order or before their user is known here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from chat.stale_update_filter import KEEP_S, MAX_KEYS, StaleUpdateFilter


class MembershipFact(Struct, frozen=True, order=True):
    """A membership began or ended by the room's `rev`.

    Of two with one rev the end is the later: a membership that ended by a rev had begun at that rev at the latest.
    """

    rev: int
    has_ended: bool


class RecentMemberships:
    """Keeps the latest fact of each membership for `keep_s` after it arrived, `max_facts` at most.

    `now` is monotonic, in seconds.
    """

    def __init__(self, *, now: Callable[[], float], keep_s: float = KEEP_S, max_facts: int = MAX_KEYS) -> None:
        # By user id and room id
        self._facts: StaleUpdateFilter[tuple[str, str], MembershipFact] = StaleUpdateFilter(
            now=now, keep_s=keep_s, max_keys=max_facts, on_evict=self._remove_beginning
        )
        self._began: dict[str, set[str]] = {}  # user id → rooms whose latest fact is a beginning

    def __len__(self) -> int:
        return len(self._facts)

    def accept(self, room_id: str, user_id: str, fact: MembershipFact) -> bool:
        """Keep the fact and return True, unless a later one is known."""
        if not self._facts.accept((user_id, room_id), fact):
            return False
        if fact.has_ended:
            self._remove_beginning((user_id, room_id))
        else:
            self._began.setdefault(user_id, set()).add(room_id)
        return True

    def allows(self, room_id: str, user_id: str, fact: MembershipFact) -> bool:
        """Whether no later fact is known; keeps nothing."""
        known = self._facts.get((user_id, room_id))
        return known is None or fact >= known

    def began(self, user_id: str) -> Iterator[tuple[str, int]]:
        """The user's memberships that began lately and have not ended: room id, rev."""
        for room_id in self._began.get(user_id, ()):
            fact = self._facts.get((user_id, room_id))
            if fact is not None:
                yield room_id, fact.rev

    def sweep(self) -> None:
        """Forget some of what is old enough (see StaleUpdateFilter.sweep)."""
        self._facts.sweep()

    def _remove_beginning(self, key: tuple[str, str]) -> None:
        user_id, room_id = key
        rooms = self._began.get(user_id, set())
        rooms.discard(room_id)
        if not rooms:
            self._began.pop(user_id, None)

"""The newest that was heard of each subject, so that what is older, and comes late, changes nothing.

Pure state; knows no event.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

S = TypeVar("S", bound=Hashable)
Order = TypeVar("Order", bound=Any)  # what orders it: numbers, or tuples of them

# Nothing is later than this: who publishes gives up after REDIS_TIMEOUT, and who listens drops a connection that is
# seconds behind.
KEEP_S = 120.0
MAX_SUBJECTS = 100_000
LET_GO_A_CALL = 20  # of what a burst has left, so that no call pays for all of it
SWEEP_MAX = 1_000  # some 1 ms


class NewestValues(Generic[S, Order]):
    """Keeps an order for `keep_s` after it was last raised, and those of `max_subjects` at most; `now` is monotonic, in
    seconds.

    What has had its time goes little by little, with later calls and with `sweep`. `let_go` is told of each subject
    that goes.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        keep_s: float = KEEP_S,
        max_subjects: int = MAX_SUBJECTS,
        let_go: Callable[[S], None] = lambda subject: None,
    ) -> None:
        self._now = now
        self._keep_s = keep_s
        self._max_subjects = max_subjects
        self._let_go = let_go
        self._orders: OrderedDict[S, tuple[Order, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._orders)

    def get(self, subject: S) -> Order | None:
        """The greatest order heard, None where none is known."""
        found = self._orders.get(subject)
        return None if found is None else found[0]

    def takes(self, subject: S, order: Order) -> bool:
        """Whether nothing newer is known; then this is the newest."""
        known = self.get(subject)
        if known is not None and order < known:
            return False
        self._orders[subject] = order, self._now()
        self._orders.move_to_end(subject)
        self.sweep(LET_GO_A_CALL)
        return True

    def sweep(self, most: int = SWEEP_MAX) -> None:
        """Let go of what has had its time, so much at most; to be called every second or so, also when nothing is
        heard.
        """
        over_s = self._now() - self._keep_s
        for _ in range(min(most, len(self._orders))):
            if len(self._orders) <= self._max_subjects and next(iter(self._orders.values()))[1] >= over_s:
                return
            subject, _ = self._orders.popitem(last=False)
            self._let_go(subject)

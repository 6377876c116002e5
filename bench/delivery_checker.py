"""Checks deliveries: every connection receives each message of its room once, in `seq` order. Uses no socket.

A stream is what one connection received of one room. Its failures are kept up to a bound and counted past it.
"""

from __future__ import annotations

from collections.abc import Iterable

_KEPT = 20


class Failures:
    """Descriptions of failures: the first 20 are kept, all are counted."""

    __slots__ = ("count", "kept")

    def __init__(self) -> None:
        self.count = 0
        self.kept: list[str] = []

    def add(self, what: str) -> None:
        self.count += 1
        if len(self.kept) < _KEPT:
            self.kept.append(what)


class RoomStream:
    """One room as one connection sees it; `expected` is the seq that must come next."""

    __slots__ = ("_failures", "_name", "_skipped", "expected")

    def __init__(self, name: str, *, after_seq: int, failures: Failures) -> None:
        self.expected = after_seq + 1
        self._name = name
        self._failures = failures
        self._skipped: list[range] = []

    def received(self, seq: int) -> None:
        """Check the next delivery; any seq but `expected` is a failure."""
        if seq == self.expected:
            self.expected += 1
        elif seq > self.expected:
            self._failures.add(f"{self._name}: gap, expected seq {self.expected}, got {seq}")
            self._skipped.append(range(self.expected, seq))
            del self._skipped[:-_KEPT]
            self.expected = seq + 1
        elif self._was_skipped(seq):
            self._failures.add(f"{self._name}: wrong order, seq {seq} came after {self.expected - 1}")
        else:
            self._failures.add(f"{self._name}: double, seq {seq} came again")

    def _was_skipped(self, seq: int) -> bool:
        for at, skipped in enumerate(self._skipped):
            if seq in skipped:
                self._skipped[at : at + 1] = [range(skipped.start, seq), range(seq + 1, skipped.stop)]
                return True
        return False

    def missing_until(self, head_seq: int) -> int:
        """The number of messages up to `head_seq` not received yet, without gaps that were already reported."""
        return max(0, head_seq + 1 - self.expected)

    def finish(self, head_seq: int) -> None:
        """Add a failure for messages up to `head_seq`, the room's head at the end, that have not been received."""
        missing = self.missing_until(head_seq)
        if missing:
            self._failures.add(f"{self._name}: {missing} missing at the end, has seq {self.expected - 1} of {head_seq}")
        elif self.expected > head_seq + 1:
            self._failures.add(f"{self._name}: seq {self.expected - 1} was delivered, but {head_seq} is the last acked")


def check_acked(seqs: Iterable[int], *, after_seq: int, failures: Failures) -> int:
    """The acked seqs of a room in which only the bench writes are after_seq+1 … head, each once; returns head."""
    expected = after_seq + 1
    for seq in sorted(seqs):
        if seq > expected:
            failures.add(f"acks: nothing was acked as seq {expected} to {seq - 1}")
        elif seq < expected:
            failures.add(f"acks: two messages were acked as seq {seq}")
            continue
        expected = seq + 1
    return expected - 1

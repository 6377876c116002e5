"""The order of one room's messages: as the first connection received them, so that all others can be held against it.

Positions are what a connection has received so far: bytes of `RoomBytes`, messages of `RoomMarkers`. Uses no socket.
"""

from __future__ import annotations

import re
from bisect import bisect_right

MARKER = re.compile(rb"@@(\d+)\.(\d+)@@")
_SEQ = re.compile(rb'"seq":(\d+)')


class WrongOrder(Exception):
    """A message is not the one that must come next; the text says what came instead."""


class _Numbers:
    """The seqs of a server that numbers its messages: each is one more than the last."""

    __slots__ = ("expected",)

    def __init__(self) -> None:
        self.expected: int | None = None

    def take(self, payload: bytes) -> None:
        found = _SEQ.search(payload)
        if found is None:
            raise WrongOrder("a message without a seq")
        seq = int(found[1])
        if self.expected is not None and seq != self.expected:
            raise WrongOrder(f"expected seq {self.expected}, got {seq}")
        self.expected = seq + 1


class RoomMarkers:
    """By markers alone, for servers whose frames differ between connections."""

    __slots__ = ("_dues_ns", "_forgotten", "_markers")

    def __init__(self) -> None:
        self._markers: list[tuple[int, int]] = []  # when due, and the sender's number
        self._dues_ns: list[int] = []
        self._forgotten = 0

    @property
    def end(self) -> int:
        return self._forgotten + len(self._markers)

    @property
    def remembered(self) -> int:
        """Messages that were not forgotten."""
        return len(self._markers)

    def messages_until(self, position: int) -> int:
        return position

    def dues_ns(self, start: int, stop: int) -> list[int]:
        """When the messages from number `start` to before `stop` were due."""
        return self._dues_ns[start - self._forgotten : stop - self._forgotten]

    def take(self, found: tuple[int, int], position: int) -> bool:
        """Check the next message of a connection; returns whether nobody had it before. Raises WrongOrder."""
        if position == self.end:
            self._markers.append(found)
            self._dues_ns.append(found[0])
            return True
        if self._markers[position - self._forgotten] != found:
            raise WrongOrder(f"message {position + 1} of the room is another than its first reader got")
        return False

    def forget(self, position: int) -> None:
        """Forget what is before `position`: every connection has it."""
        count = position - self._forgotten
        del self._markers[:count], self._dues_ns[:count]
        self._forgotten = position


class RoomBytes:
    """By the bytes of the frames, which the server builds once for all connections.

    `data` holds them from position `base` on. A connection that has received exactly these need not parse anything.
    """

    __slots__ = ("_dues_ns", "_ends", "_forgotten", "_numbers", "base", "data")

    def __init__(self, *, numbered: bool) -> None:
        self.base = 0
        self.data = bytearray()
        self._ends: list[int] = []  # of the frames
        self._dues_ns: list[int] = []
        self._forgotten = 0
        self._numbers = _Numbers() if numbered else None

    @property
    def end(self) -> int:
        return self.base + len(self.data)

    @property
    def remembered(self) -> int:
        """Messages that were not forgotten."""
        return len(self._ends)

    def has(self, received: bytes | memoryview, position: int) -> bool:
        """Whether these bytes are the ones from `position` on."""
        return self.data.startswith(received, position - self.base)

    def begun(self, position: int) -> bytes:
        """The bytes before `position` of the frame in which it lies."""
        at = bisect_right(self._ends, position)
        start = self._ends[at - 1] if at else self.base
        return bytes(self.data[start - self.base : position - self.base])

    def messages_until(self, position: int) -> int:
        """The number of messages that end at `position` or before."""
        return self._forgotten + bisect_right(self._ends, position)

    def dues_ns(self, start: int, stop: int) -> list[int]:
        """When the messages from number `start` to before `stop` were due."""
        return self._dues_ns[start - self._forgotten : stop - self._forgotten]

    def append(self, frame: bytes, payload: bytes, due_ns: int, position: int) -> None:
        """Take a frame that is the first after all others. Raises WrongOrder where it is not."""
        if position != self.end:
            number = self.messages_until(position) + 1
            raise WrongOrder(f"message {number} of the room has other bytes than its first reader got")
        if self._numbers is not None:
            self._numbers.take(payload)
        self.data += frame
        self._ends.append(self.end)
        self._dues_ns.append(due_ns)

    def forget(self, position: int) -> None:
        """Forget the frames that end at `position` or before: every connection has them."""
        count = bisect_right(self._ends, position)
        if count:
            end = self._ends[count - 1]
            del self.data[: end - self.base], self._ends[:count], self._dues_ns[:count]
            self.base = end
            self._forgotten += count

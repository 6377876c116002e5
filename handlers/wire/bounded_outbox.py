"""The outbox of one connection: sends that its kernel buffer did not take yet, in order.

Pure: knows no socket, no loop and no budget.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from handlers.wire.server_frames import close_frame

_CLOSE_HEAD = close_frame(1000)[0]


class Outbox:
    """A queue of sends, each of one or more complete frames; a send that has begun is never discarded.

    It keeps references to the frames and makes no copies. Sizes are bytes.
    """

    __slots__ = ("_sends", "_sent_of_first")

    def __init__(self, frames: bytes, sent: int) -> None:
        """Begin with a send of which the kernel has taken `sent` bytes."""
        self._sends: deque[tuple[bytes, bool]] = deque(((frames, False),))  # (frames, is ephemeral)
        self._sent_of_first = sent

    def __bool__(self) -> bool:
        return bool(self._sends)

    def append(self, frames: bytes, *, ephemeral: bool) -> None:
        """Add a send at the end."""
        self._sends.append((frames, ephemeral))

    def next_bytes(self, enough: int) -> bytes:
        """Return the unsent bytes from the front: whole sends, until there are `enough` bytes or none are left."""
        parts: list[bytes] = []
        size = 0
        for frames, _ in self._sends:
            part = frames[self._sent_of_first :] if not parts and self._sent_of_first else frames
            parts.append(part)
            size += len(part)
            if size >= enough:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def advance(self, sent: int) -> None:
        """Remove `sent` bytes from the front: the kernel has taken them."""
        sends = self._sends
        self._sent_of_first += sent
        while sends and self._sent_of_first >= len(sends[0][0]):
            self._sent_of_first -= len(sends.popleft()[0])

    def discard_ephemeral(self) -> tuple[int, int]:
        """Discard the ephemeral sends that have not begun; returns how many, and their bytes."""
        return self._discard(lambda ephemeral: ephemeral)

    def discard_all(self) -> tuple[int, int]:
        """Discard all sends that have not begun; returns how many, and their bytes."""
        return self._discard(lambda ephemeral: True)

    def _discard(self, is_unwanted: Callable[[bool], bool]) -> tuple[int, int]:
        kept: deque[tuple[bytes, bool]] = deque()
        discarded_bytes = 0
        for index, (frames, ephemeral) in enumerate(self._sends):
            if is_unwanted(ephemeral) and (index > 0 or self._sent_of_first == 0):
                discarded_bytes += len(frames)
            else:
                kept.append((frames, ephemeral))
        count = len(self._sends) - len(kept)
        self._sends = kept
        return count, discarded_bytes

    def count_messages(self) -> int:
        """How many sends are left, Close frames excluded."""
        return sum(frames[0] != _CLOSE_HEAD for frames, _ in self._sends)

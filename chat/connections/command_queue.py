"""The commands of one connection that wait for the one under way, bounded by count and bytes."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

QUEUE_MAX = 32
QUEUE_MAX_BYTES = 65_536


class QueuedCommand(NamedTuple):
    """A text frame that waits. `queued_at` is in monotonic seconds, `came_at` the link's `chunk_at` at its arrival."""

    payload: bytes
    is_deflated: bool
    queued_at: float
    came_at: int


class CommandQueue:
    """First in, first out. The owner stops reading where the queue is full, and goes on where it is half empty."""

    __slots__ = ("_commands", "size_bytes")

    def __init__(self) -> None:
        self._commands: deque[QueuedCommand] = deque()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._commands)

    def add(self, command: QueuedCommand) -> None:
        self._commands.append(command)
        self.size_bytes += len(command.payload)

    def take(self) -> QueuedCommand:
        """Remove the first. Raises IndexError where there is none."""
        command = self._commands.popleft()
        self.size_bytes -= len(command.payload)
        return command

    @property
    def is_full(self) -> bool:
        return len(self._commands) >= QUEUE_MAX or self.size_bytes >= QUEUE_MAX_BYTES

    @property
    def is_half_empty(self) -> bool:
        return len(self._commands) <= QUEUE_MAX // 2 and self.size_bytes <= QUEUE_MAX_BYTES // 2

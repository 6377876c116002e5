"""A message that the load client has sent and whose outcome is not complete."""

from __future__ import annotations


class PendingMessage:
    """A message that waits for its ack and for its own delivery."""

    __slots__ = ("acked_seq", "delivered_seq", "due_ns")

    def __init__(self, due_ns: int) -> None:
        self.due_ns = due_ns
        self.acked_seq: int | None = None
        self.delivered_seq: int | None = None

    def contradiction(self) -> str | None:
        """What the ack and the delivery say of each other, if they do not agree."""
        if self.acked_seq == self.delivered_seq:
            return None
        return f"acked as seq {self.acked_seq}, delivered as seq {self.delivered_seq}"

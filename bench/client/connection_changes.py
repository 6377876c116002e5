"""What one connection sees of changes of messages: the room's revs in order, and the acks of its own changes."""

from __future__ import annotations

from bench.client import chat_messages
from bench.client.delivery_stats import DeliveryStats
from bench.delivery_checker import RoomStream


class ConnectionChanges:
    """The changes of a connection's room. They are checked from `watch` on.

    `message_id` is the newest message that the connection sent, which it edits.
    """

    __slots__ = ("_name", "_stats", "has_reacted", "message_id", "pending", "sent", "stream")

    def __init__(self, name: str, stats: DeliveryStats) -> None:
        self._name = name
        self._stats = stats
        self.stream: RoomStream | None = None
        self.message_id: str | None = None
        self.pending: dict[str, int] = {}  # when each change without an ack was due, in ns, by the command's id
        self.sent = 0
        self.has_reacted = False

    def watch(self, rev: int) -> None:
        """Check from now on that each change after `rev` comes once and in order."""
        self.stream = RoomStream(f"{self._name}, changes", after_seq=rev, failures=self._stats.failures)

    def begin(self, due_ns: int) -> str:
        """The id of the next command, whose latency counts from `due_ns`."""
        self.sent += 1
        command_id = f"change-{self.sent}"
        self.pending[command_id] = due_ns
        return command_id

    def on_change(self, change: chat_messages.ReceivedChange, now_ns: int, size: int) -> None:
        """A change of the room was delivered."""
        stats, stream = self._stats, self.stream
        if stream is None:
            return
        if change.rev == stream.expected:
            stream.expected += 1
        else:
            stream.received(change.rev)
        stats.deliveries += 1
        stats.frame_bytes += size
        if change.due_ns is not None:
            stats.delivery.add((now_ns - change.due_ns) // 1000)

    def on_ack(self, reply: chat_messages.Reply, now_ns: int) -> None:
        """One of `pending` was carried out."""
        due_ns = self.pending.pop(reply.id or "")
        message = chat_messages.decode_message_ack(reply.data).message
        stats = self._stats
        stats.acked_revs[message.room_id] = max(stats.acked_revs[message.room_id], message.rev)
        stats.ack.add((now_ns - due_ns) // 1000)

"""One WebSocket connection of the load client: it joins, sends, and checks what comes.

Its worker calls it when the socket is ready; it never blocks.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable

import msgspec

from bench.client import chat_messages
from bench.client.connection_changes import ConnectionChanges
from bench.client.delivery_stats import DeliveryStats
from bench.client.pending_message import PendingMessage
from bench.client_base.websocket import WebSocket
from bench.delivery_checker import RoomStream
from bench.errors import BenchError
from client import frames, upgrade


class Connection(WebSocket):
    """One connection of a user, which may be in a room.

    `on_ready(connection, now_ns)` is called once, after the welcome or the join's ack. `on_done(connection, now_ns)` is
    called for each message that is acked and delivered back. `on_refused()` is called for each message that a busy
    server refused; None makes that a failure. `on_busy(retry_after_s)` is called, with the socket closed, where the
    server asks to come again later, before the connection is ready.
    """

    __slots__ = (
        "_address", "_resumed", "_selector", "_token", "changes", "index", "is_ready", "on_busy", "on_done", "on_ready",
        "on_refused", "pending", "room_id", "sent", "started_ns", "stats", "streams",
    )  # fmt: skip

    def __init__(
        self,
        *,
        index: int,
        address: tuple[str, int],
        token: str,
        room_id: str | None,
        selector: selectors.BaseSelector,
        stats: DeliveryStats,
        started_ns: int,
        on_ready: Callable[[Connection, int], None],
        on_busy: Callable[[float], None],
    ) -> None:
        super().__init__(address, "/ws", {"Authorization": f"Bearer {token}"})
        self.index = index
        self.stats = stats
        self.room_id = room_id
        self.started_ns = started_ns
        self.on_ready = on_ready
        self.on_busy = on_busy
        self.on_done: Callable[[Connection, int], None] | None = None
        self.on_refused: Callable[[], None] | None = None
        self.streams: dict[str, RoomStream] = {}
        self.pending: dict[str, PendingMessage] = {}
        self.changes = ConnectionChanges(self.name, stats)
        self.sent = 0
        self.is_ready = False
        self._address = address
        self._token = token
        self._resumed: Connection | None = None
        self._selector = selector
        selector.register(self.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    # called by the worker

    def on_readable(self, now_ns: int) -> None:
        """Read from the socket and check what was received."""
        if (chunk := self._receive(at_end="ended without a close frame")) is not None:
            self._take_data(chunk, now_ns)

    def send_message(self, due_ns: int, content_bytes: int) -> None:
        """Send one message to the room, whose latencies count from `due_ns`."""
        if self.room_id is None:
            raise RuntimeError("a connection without a room has nobody to send to")
        self.sent += 1
        client_id = f"{self.stats.name}-{self.index}-{self.sent}"
        self.pending[client_id] = PendingMessage(due_ns)
        self.send_text(chat_messages.send_command(self.room_id, client_id, due_ns, content_bytes))

    def close(self) -> None:
        """Send a Close frame and close the socket; later data is not read."""
        self.leave(with_close_frame=True)

    def leave(self, *, with_close_frame: bool) -> None:
        """Close the socket; without a Close frame as a client that is killed does."""
        if self.is_open:
            self.is_open = False
            self._selector.unregister(self.sock)
            if with_close_frame:
                self._send_close()
            self.sock.close()

    def successor(
        self,
        *,
        selector: selectors.BaseSelector,
        started_ns: int,
        on_ready: Callable[[Connection, int], None],
        on_busy: Callable[[float], None],
    ) -> Connection:
        """A new connection of the same user that joins the same room and resumes where this one, which is closed,
        stopped: at its last seq and rev.
        """
        opened = Connection(
            index=self.index,
            address=self._address,
            token=self._token,
            room_id=self.room_id,
            selector=selector,
            stats=self.stats,
            started_ns=started_ns,
            on_ready=on_ready,
            on_busy=on_busy,
        )
        opened.sent = self.sent
        opened._resumed = self if self.is_ready else self._resumed  # a busy server may have refused this one, too
        return opened

    def fail(self, why: str) -> None:
        """Close the socket and record a failure of the run."""
        if self.is_open:
            self.leave(with_close_frame=False)
            self.stats.lost += not self.is_ready
            self.stats.failures.add(f"{self.name}: {why}")

    @property
    def received(self) -> int:
        """A number that grows with every delivery: the sum over the rooms of the next expected seq."""
        return sum(stream.expected for stream in self.streams.values())

    @property
    def name(self) -> str:
        """The connection's name in failures."""
        return f"connection {self.stats.name}.{self.index}"

    # what the server sends

    def _watch_writing(self, *, wanted: bool) -> None:
        events = selectors.EVENT_READ | selectors.EVENT_WRITE if wanted else selectors.EVENT_READ
        self._selector.modify(self.sock, events, self)

    def _on_refused(self, head: bytes) -> None:
        retry_after_s = upgrade.retry_after_s(head)
        if upgrade.status_of(head) == 503 and retry_after_s is not None:
            self._come_again(retry_after_s)
        else:
            super()._on_refused(head)

    def _on_upgraded(self, now_ns: int) -> None:
        self._take_data = self._on_frames
        if self.room_id is not None:
            self.send_text(self._join_command(self.room_id))

    def _join_command(self, room_id: str) -> bytes:
        if self._resumed is None:
            return chat_messages.join_command(room_id)
        changes = self._resumed.changes.stream
        since = self._resumed.streams[room_id].expected - 1
        return chat_messages.join_command(room_id, since, None if changes is None else changes.expected - 1)

    def _on_joined(self, room_id: str, ack: chat_messages.JoinAck) -> None:
        """Begin to check the room's messages; after a resumption the missed ones are the first."""
        failures, before = self.stats.failures, self._resumed
        if before is None:
            self.streams[room_id] = RoomStream(self.name, after_seq=ack.seq, failures=failures)
            return
        stream = self.streams[room_id] = before.streams[room_id]
        if ack.reset or ack.truncated:
            failures.add(
                f"{self.name}: came back at seq {stream.expected - 1} of {ack.seq}, and was not given the rest"
            )
        for message in ack.missed:
            stream.received(message.seq)
        self.stats.deliveries += len(ack.missed)
        stream.finish(ack.seq)
        if before.changes.stream is not None:
            self.changes.watch(ack.rev)  # those before it came as the messages that they made
        self._resumed = None

    def _come_again(self, retry_after_s: float) -> None:
        self.close()
        self.on_busy(retry_after_s)

    def _on_frames(self, data: bytes, now_ns: int) -> None:
        try:
            whole, self._rest = frames.split_frames(self._rest + data if self._rest else data)
            self.stats.receives += 1
            for first, payload in whole:
                if first == frames.FINAL_TEXT:
                    event = self.stats.decode(payload)
                    if isinstance(event, chat_messages.ReceivedMessage):
                        self._on_message(event, now_ns, len(payload))
                    elif isinstance(event, chat_messages.ReceivedChange):
                        self.changes.on_change(event, now_ns, len(payload))
                    else:
                        self._on_reply(event, now_ns)
                else:
                    self._on_control(first, payload)
        except (BenchError, frames.FrameError, msgspec.MsgspecError) as error:
            self.fail(str(error))

    def _on_message(self, message: chat_messages.ReceivedMessage, now_ns: int, size: int) -> None:
        stats = self.stats
        stream = self.streams.get(message.room_id)
        if stream is None:
            stats.failures.add(f"{self.name}: a message of a room came before the ack of its joinRoom")
            return
        if message.seq == stream.expected:  # as `received` does; this saves a call for each of millions
            stream.expected += 1
        else:
            stream.received(message.seq)
        stats.deliveries += 1
        stats.frame_bytes += size
        if message.due_ns is not None:
            stats.delivery.add((now_ns - message.due_ns) // 1000)
        if self.pending and message.client_id in self.pending:
            outgoing = self.pending[message.client_id]
            outgoing.delivered_seq = message.seq
            stats.own_delivery.add((now_ns - outgoing.due_ns) // 1000)
            self._complete_if_delivered(message.client_id, outgoing, now_ns)

    def _on_reply(self, reply: chat_messages.Reply, now_ns: int) -> None:
        if (handler := _REPLIES.get(reply.event)) is not None:
            handler(self, reply, now_ns)

    def _on_welcome(self, reply: chat_messages.Reply, now_ns: int) -> None:
        if self.room_id is None:
            self._become_ready(now_ns)

    def _become_ready(self, now_ns: int) -> None:
        if not self.is_ready:
            self.is_ready = True
            self.on_ready(self, now_ns)

    def _on_ack(self, reply: chat_messages.Reply, now_ns: int) -> None:
        if reply.id == "join" and self.room_id is not None:
            self._on_joined(self.room_id, chat_messages.decode_join_ack(reply.data))
            self._become_ready(now_ns)
        elif reply.id in self.pending:
            outgoing = self.pending[reply.id]
            message = chat_messages.decode_message_ack(reply.data).message
            outgoing.acked_seq = message.seq
            self.changes.message_id = message.id
            self.stats.acked_seqs[message.room_id].append(message.seq)
            self.stats.ack.add((now_ns - outgoing.due_ns) // 1000)
            self._complete_if_delivered(reply.id, outgoing, now_ns)
        elif reply.id in self.changes.pending:
            self.changes.on_ack(reply, now_ns)
        else:
            self.stats.failures.add(f"{self.name}: an ack that nobody asked for, id {reply.id}")

    def _on_error(self, reply: chat_messages.Reply, now_ns: int) -> None:
        refused = chat_messages.decode_error(reply.data)
        if self.on_refused is not None and refused.code in chat_messages.BUSY and reply.id in self.pending:
            if self.pending.pop(reply.id).delivered_seq is not None:
                self.stats.failures.add(f"{self.name}: a message was delivered and refused: {refused.code}")
            self.on_refused()
            return
        if not self.is_ready and refused.code in chat_messages.BUSY and refused.retry_after is not None:
            self._come_again(refused.retry_after)
            return
        self.stats.failures.add(f"{self.name}: error {refused.code}: {refused.message}")
        self.pending.pop(reply.id or "", None)
        self.changes.pending.pop(reply.id or "", None)

    def _complete_if_delivered(self, client_id: str, outgoing: PendingMessage, now_ns: int) -> None:
        if outgoing.acked_seq is None or outgoing.delivered_seq is None:
            return
        del self.pending[client_id]
        if (what := outgoing.contradiction()) is not None:
            self.stats.failures.add(f"{self.name}: {what}")
        if self.on_done is not None:
            self.on_done(self, now_ns)


_REPLIES: dict[str, Callable[[Connection, chat_messages.Reply, int], None]] = {
    "welcome": Connection._on_welcome,
    "ack": Connection._on_ack,
    "error": Connection._on_error,
}

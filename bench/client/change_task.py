"""The tasks of a client process that change messages: begin to watch the revs, edit and react."""

from __future__ import annotations

from bench.client import chat_messages
from bench.client.worker_protocol import ChangesSent, ChangesWatched, SendChanges, WatchChanges
from bench.client.worker_task import WorkerState

_S = 1_000_000_000
_BURST = 200  # changes in a turn, so that a client that is late still receives
_EMOJI = tuple(f"bench-{number}" for number in range(10))


class WatchTask:
    """Lets every connection check the changes of its room from a rev on."""

    def __init__(self, worker: WorkerState, command: WatchChanges) -> None:
        self.ready = 0
        self._worker = worker
        self._command = command

    def step(self, now_ns: int) -> ChangesWatched:
        for connection in self._worker.connections:
            if connection.is_open and connection.room_id is not None:
                connection.changes.watch(self._command.revs[connection.room_id])
                self.ready += 1
        return ChangesWatched(self.ready)

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        return 0.0


class ChangeTask:
    """Changes messages at a fixed rate, the senders in turn: each edits its own newest message, or puts its reaction on
    one message of all or takes it back.
    """

    def __init__(self, worker: WorkerState, command: SendChanges) -> None:
        self._worker = worker
        self._command = command
        able = (one for one in worker.connections if one.is_open and one.changes.message_id is not None)
        self._senders = [one for one, _ in zip(able, range(command.senders), strict=False)]
        self._target = self._senders[0].changes.message_id or "" if self._senders else ""
        self.ready = len(self._senders)
        self._turn = 0
        self._edits = 0
        self._started_ns: int | None = None
        self._end_ns = self._deadline_ns = 0

    def step(self, now_ns: int) -> ChangesSent | None:
        if self._started_ns is None:
            self._started_ns = now_ns
            self._end_ns = now_ns + int(self._command.seconds * _S)
            self._deadline_ns = self._end_ns + int(self._command.within_s * _S)
        self._send_what_is_due(now_ns)
        if now_ns < self._end_ns:
            return None
        waiting = sum(len(one.changes.pending) for one in self._senders if one.is_open)
        is_late = self._senders and self._due_ns() < self._end_ns
        if (waiting or is_late) and now_ns < self._deadline_ns:
            return None
        stats = self._worker.stats
        if waiting:
            stats.failures.add(f"{waiting} changes not acked {self._command.within_s:.0f} s after the last was sent")
        if len(self._senders) < self._command.senders:
            stats.failures.add(f"{self._command.senders} should change messages, {len(self._senders)} could")
        return ChangesSent(self._turn, self._edits, dict(stats.acked_revs))

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        if self._started_ns is None:
            return 0.0
        return at_most_s if now_ns >= self._end_ns else min(at_most_s, max(0.0, (self._due_ns() - now_ns) / _S))

    def _due_ns(self) -> int:
        return (self._started_ns or 0) + int(self._turn * _S / self._command.rate_per_s)

    def _send_what_is_due(self, now_ns: int) -> None:
        for _ in range(_BURST if self._senders else 0):
            due_ns = self._due_ns()
            if due_ns > now_ns or due_ns >= self._end_ns:
                return
            place = self._turn % len(self._senders)
            self._change(place, due_ns)
            self._turn += 1

    def _change(self, place: int, due_ns: int) -> None:
        sender, command = self._senders[place], self._command
        changes = sender.changes
        is_edit = self._turn * command.edits_percent // 100 < (self._turn + 1) * command.edits_percent // 100
        command_id = changes.begin(due_ns)
        if is_edit and changes.message_id is not None:
            self._edits += 1
            payload = chat_messages.edit_command(changes.message_id, command_id, due_ns, command.content_bytes)
        else:
            emoji = _EMOJI[place % len(_EMOJI)]
            changes.has_reacted = not changes.has_reacted
            payload = chat_messages.react_command(self._target, command_id, emoji, on=changes.has_reacted)
        sender.send_text(payload)

"""The state machine of one connection: it executes commands in order, one at a time, and answers each once.

Knows no socket and no store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from chat.codec import Envelope
from chat.connections.command_queue import CommandQueue, QueuedCommand
from chat.connections.contract import ANSWERED
from chat.connections.refusals_in_a_row import RefusalsInARow
from chat.connections.session_state import SessionState
from chat.errors import ChatError, CloseCode, MalformedFrame, as_refusal

log = logging.getLogger(__name__)

COMMAND_TIMEOUT_S = 10.0


class Session(SessionState):
    """The commands of a connection."""

    __slots__ = ()

    # ---- calls from the link --------------------------------------------------------------------------------------

    def on_text(self, payload: bytes, *, is_deflated: bool = False) -> None:
        """Take a text frame: execute it, or queue it behind the command under way."""
        if not self.is_busy:
            self._waited_since = 0.0
            self._came_at = self.link.chunk_at
            self._begin(payload, is_deflated)
            return
        if self._queue is None:
            self._queue = CommandQueue()
        self._queue.add(QueuedCommand(payload, is_deflated, time.monotonic(), self.link.chunk_at))
        if not self._paused and self._queue.is_full:
            self._paused = True
            self.link.pause_reading()

    def on_binary(self) -> None:
        """Take a binary frame. The contract has none."""
        self.on_text(b"")  # an empty payload is refused in its turn, as malformed

    def on_flood(self) -> None:
        """End the connection, which sends more frames than it may, unless its user is exempt."""
        if not self._commands.is_exempt(self):
            self.link.close(CloseCode.POLICY, "rate_limited")

    def on_input_over(self) -> None:
        """Note that the peer sends nothing more. Commands that arrived before are executed and answered."""
        self._input_over = True
        self._finish_if_done()

    def on_peer_gone(self) -> None:
        """Release what the session holds: the peer sent a Close, is unreachable, or was sent a Close."""
        self._on_peer_gone(self)

    def on_closed(self, code: int) -> None:
        """End what is under way: the connection is closed."""
        self._cancel()
        self._queue = None
        self._on_closed(self, code)

    # ---- commands ------------------------------------------------------------------------------------------------

    def _begin(self, payload: bytes, is_deflated: bool) -> None:
        """Begin a command: without a task where it needs none, else in one that goes on with the queue."""
        envelope: Envelope | None = None
        if not is_deflated and self.user is not None and self.link.may_begin:
            now = time.monotonic()
            if self.expires_at > now:
                try:
                    envelope = self._codec.envelope(payload)
                except ChatError:
                    pending = None
                else:
                    pending = self._commands.prepare(self, envelope)
                if pending is not None:
                    self.busy_since = now
                    self._pending = pending
                    pending.begin()
                    return
        self._task = self._loop.create_task(self._work(payload, is_deflated, envelope))

    async def _work(
        self,
        payload: bytes,
        is_deflated: bool,
        envelope: Envelope | None = None,
        execute: Callable[[], Awaitable[object]] | None = None,
        since: float = 0.0,
    ) -> None:
        """Execute commands until none waits. None is begun after the server has sent a Close or the token has ended.

        The first one may be decoded already, as `envelope`, or be under way already, `since` when: `execute` is the
        rest of it.
        """
        try:
            while self.link.may_begin:
                now = time.monotonic()
                self.busy_since = now if execute is None else since
                if self.user is not None and self.expires_at <= now:
                    self.link.close(CloseCode.UNAUTHORIZED, "token expired")
                    return
                await self._execute(payload, is_deflated, envelope, execute)
                if not self._queue or self._commands.must_wait(self):
                    return
                payload, is_deflated = self._take()
                envelope = execute = None
                self._read_on()
        finally:
            self.busy_since = 0.0
            self._task = None
            if self._input_over:
                self._finish_if_done()

    def resume(self) -> None:
        """Go on with the queue, after the outbox has emptied."""
        if self._queue and self._task is None and self._pending is None and not self._commands.must_wait(self):
            payload, is_deflated = self._take()
            self._begin(payload, is_deflated)
            self._read_on()  # after it has begun: frames that arrive at once must queue behind it

    # ---- a command without a task --------------------------------------------------------------------------------

    def succeeded(self, envelope: Envelope, result: object) -> bytes | None:
        """Count the command as answered. Returns the payload of its ack; None if the client wants none."""
        self._refusals = None
        self._observer.command(envelope.event, "ok", time.monotonic() - (self._waited_since or self.busy_since))
        return None if envelope.id is None or result is ANSWERED else self._codec.ack(envelope.id, result)

    def end_pending(self) -> None:
        """The pending command is answered: go on with the queue."""
        self._drop_pending()
        self.busy_since = 0.0
        self.resume()
        if self._input_over:
            self._finish_if_done()

    def refuse_pending(self, error: Exception) -> None:
        """Answer the pending command with an error, and go on."""
        pending = self._pending
        assert pending is not None
        self._refuse(pending.envelope, self._refusal_of(error), pending.envelope.id)
        self.end_pending()

    def continue_pending(self, execute: Callable[[], Awaitable[object]]) -> None:
        """Go on with the pending command in a task, which answers it with the outcome of `execute`."""
        pending = self._pending
        assert pending is not None
        since, self.busy_since = self.busy_since, 0.0  # until the task begins: see `_cancel`
        self._task = self._loop.create_task(self._work(b"", False, pending.envelope, execute, since))
        self._drop_pending()

    def _drop_pending(self) -> None:
        if self._pending is not None:
            self._pending.is_gone = True
            self._pending = None
            if self._pending_over is not None:
                self._pending_over.set_result(None)
                self._pending_over = None

    # ---- the queue and the answers -------------------------------------------------------------------------------

    def _take(self) -> tuple[bytes, bool]:
        assert self._queue is not None
        payload, is_deflated, self._waited_since, self._came_at = self._queue.take()
        return payload, is_deflated

    def _read_on(self) -> None:
        """Resume reading, if the queue has room again."""
        if self._paused and self._queue is not None and self._queue.is_half_empty:
            self._paused = False
            self.link.resume_reading()

    def _finish_if_done(self) -> None:
        if self._input_over and not self.is_busy:
            self.link.finish()

    async def _execute(
        self,
        payload: bytes,
        is_deflated: bool,
        envelope: Envelope | None,
        execute: Callable[[], Awaitable[object]] | None,
    ) -> None:
        command_id: str | None = None  # of a frame that has no envelope
        inflated: bytes | None = None
        try:
            if is_deflated:  # inflated only now, so that a queued frame is small
                await asyncio.sleep(0)  # let others run: a few bytes may inflate for long
                inflated = await self.link.inflate(payload, is_stranger=self.user is None)
                if inflated is None or not self.link.may_begin:
                    return
                payload = inflated
            if envelope is None:
                try:
                    envelope = self._codec.envelope(payload)
                except ChatError as unreadable:
                    command_id = unreadable.command_id if isinstance(unreadable, MalformedFrame) else None
                    await self._commands.count_other(self)
                    raise
            result = await (self._commands.execute(self, envelope) if execute is None else execute())
            ack = self.succeeded(envelope, result)
            if ack is not None:
                self.link.send_text(ack)
            return
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            # Python 3.11.0 to 3.11.3: without `uncancel` this would break the task's next asyncio.timeout.
            if not self._timed_out or task.uncancel():
                raise
            self._timed_out = False
            error = ChatError("timeout")
        except Exception as failure:
            error = self._refusal_of(failure)
        finally:
            if inflated is not None:
                self.link.release_inflated(len(inflated))
        self._refuse(envelope, error, command_id if envelope is None else envelope.id)

    def _refusal_of(self, failure: Exception) -> ChatError:
        refused = as_refusal(failure)
        if refused is None:
            log.error("connection %s: a command failed", self.connection_id, exc_info=failure)
        return refused or ChatError("internal")

    def _refuse(self, envelope: Envelope | None, error: ChatError, command_id: str | None) -> None:
        name = "malformed" if envelope is None else self._commands.name_of(envelope.event)
        if error.code == "rate_limited":
            self._count_refusal()
        self._observer.command(name, error.code, time.monotonic() - (self._waited_since or self.busy_since))
        self.link.send_text(self._codec.refusal(command_id, error))
        if self.user is None and envelope is not None and envelope.event == "authenticate":
            self.link.close(CloseCode.UNAUTHORIZED, error.code)
        if self._refusals is not None and self._refusals.are_too_many:
            self.link.close(CloseCode.POLICY, "rate_limited")

    def _count_refusal(self) -> None:
        """Count one more rate-limited command in a row."""
        if self._refusals is None:
            self._refusals = RefusalsInARow(arrived_bytes=self.link.arrived_bytes)
        else:
            self._refusals.add(came_at=self._came_at)

    def give_up_command(self, now: float) -> None:
        """End the command under way if its time is over. It is answered with `timeout`."""
        if self.busy_since and now - self.busy_since > COMMAND_TIMEOUT_S:
            self._time_out()

    def give_up(self) -> None:
        """End the command under way and drop the queue: the peer is gone and the time for its commands is over."""
        self.link.pause_reading()
        self._queue = None
        self._input_over = True
        self._time_out()
        self._finish_if_done()

    def _time_out(self) -> None:
        if self._pending is not None:
            self.refuse_pending(ChatError("timeout"))
        elif not self._timed_out:  # once: a second cancellation would end the whole task
            self._timed_out = self.busy_since > 0.0
            self._cancel()

    def _cancel(self) -> None:
        self._drop_pending()
        if self._task is not None:
            self._task.cancel()
            # A task that is cancelled before its first step runs nothing of `_work`, not even its `finally`
            if not self.busy_since:
                self._task = None

    @property
    def is_busy(self) -> bool:
        """Whether a command is under way or queued. Such a connection is not closed for missing pongs."""
        return self._task is not None or self._pending is not None or bool(self._queue)

    async def settled(self) -> None:
        """Wait until no command is under way."""
        while self._task is not None or self._pending is not None:
            if self._task is not None:
                await asyncio.wait([self._task])
            else:
                self._pending_over = self._pending_over or self._loop.create_future()
                await asyncio.wait([self._pending_over])

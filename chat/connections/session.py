"""One connection's state machine: its commands in order, one at a time, each answered once.

Knows no socket and no store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from chat.codec import Codec, Envelope
from chat.connections.contract import ANSWERED, SessionCommands, SessionLink
from chat.errors import ChatError, CloseCode, as_refusal
from monitor.observer import Observer
from store.models import User

log = logging.getLogger(__name__)

QUEUE_MAX = 32
QUEUE_MAX_BYTES = 65_536
COMMAND_TIMEOUT_S = 10.0
REFUSALS_IN_A_ROW = 20


class Session:
    """A connection: who it is, what it subscribed to, which command it carries out.

    `address` is the client's; `expires_at` (when its token ends), `opened_at` and `busy_since` are monotonic seconds
    (0.0: no command under way).
    """

    __slots__ = (
        "_burst_end",
        "_came_at",
        "_codec",
        "_commands",
        "_input_over",
        "_loop",
        "_observer",
        "_on_closed",
        "_on_peer_gone",
        "_paused",
        "_queue",
        "_queued_bytes",
        "_refused",
        "_task",
        "_timed_out",
        "_waited_since",
        "address",
        "busy_since",
        "connection_id",
        "expires_at",
        "link",
        "opened_at",
        "replaces",
        "rooms",
        "session_id",
        "user",
        "user_id",
    )

    def __init__(
        self,
        *,
        link: SessionLink,
        connection_id: str,
        address: str,
        commands: SessionCommands[Session],
        codec: Codec,
        observer: Observer,
        loop: asyncio.AbstractEventLoop,
        on_peer_gone: Callable[[Session], None],
        on_closed: Callable[[Session, int], None],
        opened_at: float,
        replaces: str | None = None,
    ) -> None:
        self.link = link
        self.connection_id = connection_id
        self.address = address
        self.opened_at = opened_at
        self.replaces = replaces  # the connection whose place this one takes, once it is known to be the same user's
        self.user: User | None = None
        self.user_id = ""
        self.session_id = ""
        self.expires_at = 0.0
        # Joined rooms, each with the rev at which the membership began that this stands under; made when the first is
        # joined.
        self.rooms: dict[str, int] | None = None
        self.busy_since = 0.0
        self._commands = commands
        self._codec = codec
        self._observer = observer
        self._loop = loop
        self._on_peer_gone = on_peer_gone
        self._on_closed = on_closed
        # As it came, whether it is to be inflated, when it came, and where what was read with it began.
        self._queue: deque[tuple[bytes, bool, float, int]] | None = None
        self._waited_since = 0.0  # when the command under way came
        self._queued_bytes = 0
        self._paused = False
        self._input_over = False  # the peer sends nothing more
        self._came_at = 0  # where what was read with the command under way began
        self._refused = 0  # in a row
        self._burst_end = 0  # how much had arrived when the first of them was refused
        self._timed_out = False
        self._task: asyncio.Task[None] | None = None

    # ---- what the link tells -------------------------------------------------------------------------------------

    def on_text(self, payload: bytes, *, is_deflated: bool = False) -> None:
        """A text frame came."""
        if self._task is None and not self._queue:
            self._waited_since = 0.0  # it waits for nothing
            self._came_at = self.link.chunk_at
            self._task = self._loop.create_task(self._work(payload, is_deflated))
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.append((payload, is_deflated, time.monotonic(), self.link.chunk_at))
        self._queued_bytes += len(payload)
        if not self._paused and (len(self._queue) >= QUEUE_MAX or self._queued_bytes >= QUEUE_MAX_BYTES):
            self._paused = True
            self.link.pause_reading()

    def on_binary(self) -> None:
        """A binary frame came: the contract knows none."""
        self.on_text(b"")  # no JSON: it is refused in its turn, as malformed

    def on_flood(self) -> None:
        """The connection sends more frames than it may."""
        if not self._commands.is_exempt(self):
            self.link.close(CloseCode.POLICY, "rate_limited")

    def on_input_over(self) -> None:
        """The peer sends nothing more. What came before is carried out, and answered if it still reads."""
        self._input_over = True
        self._finish_if_done()

    def on_peer_gone(self) -> None:
        """The peer said goodbye, cannot be reached, or was told to go."""
        self._on_peer_gone(self)

    def on_closed(self, code: int) -> None:
        """The connection is over."""
        self._cancel()
        self._queue = None
        self._on_closed(self, code)

    # ---- commands ------------------------------------------------------------------------------------------------

    async def _work(self, payload: bytes, is_deflated: bool) -> None:
        """Carry out one command after the other until none waits; none is begun once the server has closed, or the
        token is over.
        """
        try:
            while self.link.may_begin:
                now = self.busy_since = time.monotonic()
                if self.user is not None and self.expires_at <= now:
                    self.link.close(CloseCode.UNAUTHORIZED, "token expired")
                    return
                await self._execute(payload, is_deflated)
                if not self._queue or self._commands.must_wait(self):
                    return
                payload, is_deflated = self._take()
                self._read_on()
        finally:
            self.busy_since = 0.0
            self._task = None
            if self._input_over:
                self._finish_if_done()

    def resume(self) -> None:
        """Take up the queue again after a wait for the outbox to empty."""
        if self._queue and self._task is None and not self._commands.must_wait(self):
            payload, is_deflated = self._take()
            self._task = self._loop.create_task(self._work(payload, is_deflated))
            self._read_on()  # only now: what it lets come at once is behind the one that was taken

    def _take(self) -> tuple[bytes, bool]:
        assert self._queue is not None
        payload, is_deflated, self._waited_since, self._came_at = self._queue.popleft()
        self._queued_bytes -= len(payload)
        return payload, is_deflated

    def _read_on(self) -> None:
        """Let more come, if the queue has room again."""
        assert self._queue is not None
        if self._paused and len(self._queue) <= QUEUE_MAX // 2 and self._queued_bytes <= QUEUE_MAX_BYTES // 2:
            self._paused = False
            self.link.resume_reading()

    def _finish_if_done(self) -> None:
        if self._input_over and self._task is None and not self._queue:
            self.link.finish()

    async def _execute(self, payload: bytes, is_deflated: bool) -> None:
        envelope: Envelope | None = None
        error: ChatError
        inflated: bytes | None = None
        try:
            if is_deflated:  # only now that its turn has come: until then it is small
                await asyncio.sleep(0)  # a turn for others: what comes in a few bytes may be work for long
                inflated = await self.link.inflate(payload, is_stranger=self.user is None)
                if inflated is None or not self.link.may_begin:
                    return
                payload = inflated
            try:
                envelope = self._codec.envelope(payload)
            except ChatError:
                await self._commands.count_other(self)
                raise
            result = await self._commands.execute(self, envelope)
            self._refused = 0
            if result is not ANSWERED and envelope.id is not None:
                self.link.send_text(self._codec.ack(envelope.id, result))
            self._observer.command(envelope.event, "ok", time.monotonic() - (self._waited_since or self.busy_since))
            return
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            # Python 3.11.0 to 3.11.3: a cancellation that is swallowed and not taken back breaks the task's next
            # asyncio.timeout.
            if not self._timed_out or task.uncancel():
                raise
            self._timed_out = False
            error = ChatError("timeout")
        except Exception as failure:
            refused = as_refusal(failure)
            if refused is None:
                log.exception("connection %s: a command failed", self.connection_id)
            error = refused or ChatError("internal")
        finally:
            if inflated is not None:
                self.link.release_inflated(len(inflated))
        self._refuse(envelope, error)

    def _refuse(self, envelope: Envelope | None, error: ChatError) -> None:
        name = "malformed" if envelope is None else self._commands.name_of(envelope.event)
        if error.code == "rate_limited":
            self._count_refusal()
        self._observer.command(name, error.code, time.monotonic() - (self._waited_since or self.busy_since))
        self.link.send_text(self._codec.refusal(envelope.id if envelope is not None else None, error))
        if self.user is None and envelope is not None and envelope.event == "authenticate":
            self.link.close(CloseCode.UNAUTHORIZED, error.code)
        if self._refused >= REFUSALS_IN_A_ROW:
            self.link.close(CloseCode.POLICY, "rate_limited")

    def _count_refusal(self) -> None:
        """One more refusal in a row.

        What had arrived before the first was answered could not heed it, and counts as one with it.

        One read may bring the last of a burst and what came later: it is of the burst, for where in it a frame stood
        nobody notes.
        """
        if self._refused == 0:
            self._burst_end = self.link.arrived_bytes
        elif self._came_at < self._burst_end:
            return
        self._refused += 1

    def give_up_command(self, now: float) -> None:
        """End the command under way if its time is over; it is answered with `timeout`."""
        if self._task is not None and self.busy_since and now - self.busy_since > COMMAND_TIMEOUT_S:
            self._time_out()

    def give_up(self) -> None:
        """The peer is gone, and the time is over for what it left: nothing more of it is begun, and what is under way
        is ended.
        """
        self.link.pause_reading()
        self._queue = None
        self._input_over = True
        self._time_out()
        self._finish_if_done()

    def _time_out(self) -> None:
        if not self._timed_out:  # once: a second cancellation would be the connection's end
            self._timed_out = self.busy_since > 0.0
            self._cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            # A task that is cancelled before its first step runs none of `_work`, nor what that does at its end
            if not self.busy_since:
                self._task = None

    @property
    def is_busy(self) -> bool:
        """Whether a command is under way or waits: such a connection is not swept as dead."""
        return self._task is not None or bool(self._queue)

    async def settled(self) -> None:
        """Wait until no command is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

"""The state machine of one connection: it executes commands in order, one at a time, and answers each once.

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
from chat.connections.refusals_in_a_row import RefusalsInARow
from chat.errors import ChatError, CloseCode, MalformedFrame, as_refusal
from monitor.observer import Observer
from store.models import User

log = logging.getLogger(__name__)

QUEUE_MAX = 32
QUEUE_MAX_BYTES = 65_536
COMMAND_TIMEOUT_S = 10.0


class Session:
    """A connection: its user, its joined rooms, its queue of commands.

    `address` is the client's. `expires_at` (the end of its token), `opened_at` and `busy_since` are monotonic seconds;
    `busy_since` is 0.0 while no command is under way.
    """

    __slots__ = (
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
        "_refusals",
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
        self.replaces = replaces  # id of the connection that this one replaces, if both are the same user's
        self.user: User | None = None
        self.user_id = self.session_id = ""
        self.expires_at = 0.0
        # Joined rooms, each with the rev at which the user's membership began; made at the first join, to save memory
        self.rooms: dict[str, int] | None = None
        self.busy_since = 0.0
        self._commands = commands
        self._codec = codec
        self._observer = observer
        self._loop = loop
        self._on_peer_gone = on_peer_gone
        self._on_closed = on_closed
        # Payload, whether it is deflated, when it arrived, and the link's `chunk_at` then
        self._queue: deque[tuple[bytes, bool, float, int]] | None = None
        self._waited_since = 0.0  # when the command under way was queued; 0.0: it did not wait
        self._queued_bytes = 0
        self._paused = False
        self._input_over = False  # the peer sends nothing more
        self._came_at = 0  # the link's `chunk_at` when the command under way arrived
        self._refusals: RefusalsInARow | None = None  # by limits, since the last success
        self._timed_out = False
        self._task: asyncio.Task[None] | None = None

    def bind(self, user: User) -> None:
        """Make the connection the user's."""
        self.user, self.user_id = user, user.id

    def renew(self, session_id: str, expires_at: float) -> None:
        """Set the login that the connection depends on, and the end of its token in monotonic seconds."""
        self.session_id, self.expires_at = session_id, expires_at

    # ---- calls from the link --------------------------------------------------------------------------------------

    def on_text(self, payload: bytes, *, is_deflated: bool = False) -> None:
        """Take a text frame: execute it, or queue it behind the command under way."""
        if self._task is None and not self._queue:
            self._waited_since = 0.0
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

    async def _work(self, payload: bytes, is_deflated: bool) -> None:
        """Execute commands until none waits. None is begun after the server has sent a Close or the token has ended."""
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
        """Go on with the queue, after the outbox has emptied."""
        if self._queue and self._task is None and not self._commands.must_wait(self):
            payload, is_deflated = self._take()
            self._task = self._loop.create_task(self._work(payload, is_deflated))
            self._read_on()  # after the task exists: frames that arrive at once must queue behind it

    def _take(self) -> tuple[bytes, bool]:
        assert self._queue is not None
        payload, is_deflated, self._waited_since, self._came_at = self._queue.popleft()
        self._queued_bytes -= len(payload)
        return payload, is_deflated

    def _read_on(self) -> None:
        """Resume reading, if the queue has room again."""
        assert self._queue is not None
        if self._paused and len(self._queue) <= QUEUE_MAX // 2 and self._queued_bytes <= QUEUE_MAX_BYTES // 2:
            self._paused = False
            self.link.resume_reading()

    def _finish_if_done(self) -> None:
        if self._input_over and self._task is None and not self._queue:
            self.link.finish()

    async def _execute(self, payload: bytes, is_deflated: bool) -> None:
        envelope: Envelope | None = None
        command_id: str | None = None  # of a frame that has no envelope
        inflated: bytes | None = None
        try:
            if is_deflated:  # inflated only now, so that a queued frame is small
                await asyncio.sleep(0)  # let others run: a few bytes may inflate for long
                inflated = await self.link.inflate(payload, is_stranger=self.user is None)
                if inflated is None or not self.link.may_begin:
                    return
                payload = inflated
            try:
                envelope = self._codec.envelope(payload)
            except ChatError as unreadable:
                command_id = unreadable.command_id if isinstance(unreadable, MalformedFrame) else None
                await self._commands.count_other(self)
                raise
            result = await self._commands.execute(self, envelope)
            self._refusals = None
            if result is not ANSWERED and envelope.id is not None:
                self.link.send_text(self._codec.ack(envelope.id, result))
            self._observer.command(envelope.event, "ok", time.monotonic() - (self._waited_since or self.busy_since))
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
            refused = as_refusal(failure)
            if refused is None:
                log.exception("connection %s: a command failed", self.connection_id)
            error = refused or ChatError("internal")
        finally:
            if inflated is not None:
                self.link.release_inflated(len(inflated))
        self._refuse(envelope, error, command_id if envelope is None else envelope.id)

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
        if self._task is not None and self.busy_since and now - self.busy_since > COMMAND_TIMEOUT_S:
            self._time_out()

    def give_up(self) -> None:
        """End the command under way and drop the queue: the peer is gone and the time for its commands is over."""
        self.link.pause_reading()
        self._queue = None
        self._input_over = True
        self._time_out()
        self._finish_if_done()

    def _time_out(self) -> None:
        if not self._timed_out:  # once: a second cancellation would end the whole task
            self._timed_out = self.busy_since > 0.0
            self._cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            # A task that is cancelled before its first step runs nothing of `_work`, not even its `finally`
            if not self.busy_since:
                self._task = None

    @property
    def is_busy(self) -> bool:
        """Whether a command is under way or queued. Such a connection is not closed for missing pongs."""
        return self._task is not None or bool(self._queue)

    async def settled(self) -> None:
        """Wait until no command is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

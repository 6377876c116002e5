"""The door to Redis: two connections, each kept by a task of its own. Knows no key, no value and no event of ours.

`RedisClient` sends commands: those of one loop turn, and those that come while a batch is under way, go in one write.
`RedisListener` receives what is published to channels. The reconnect is ours: redis-py's may come back without its
subscriptions, or hang half-open.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from redis.asyncio import Connection
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoScriptError, RedisError, ResponseError

from common.backoff import longest_s

logger = logging.getLogger(__name__)

CONNECT_WITHIN_S = 1.0
VERSION_MIN = 6  # SET with KEEPTTL
RETRY_MIN_S = 0.05
RETRY_MAX_S = 0.5
BATCH_MAX = 1_000
WAITING_MAX = 20_000
WAITING_MAX_BYTES = 32 * 1024 * 1024
LOOP_LATE_S = 0.05  # our own loop was held up for so long: then it is not Redis that is late
PULSE_EVERY_S = 1.0
SILENT_MAX_S = 3.0  # without a word for so long a listening connection is taken for dead
# And where a pulse takes so long, though others' words come: nothing heard is later than that
LATE_MAX_S = SILENT_MAX_S + PULSE_EVERY_S

Part = str | bytes | int | float


class RedisGone(Exception):
    """Redis is not there, or did not answer in time; what was asked may have happened."""


class RedisRefused(Exception):
    """Redis answered with an error; nothing happened."""


class RedisOptions(Struct, frozen=True):
    """Where Redis is. `url` (redis:// or rediss://) stands for all but the timeout, which is in seconds."""

    host: str | None
    port: int
    password: str | None
    db: int
    url: str | None
    timeout_s: float

    def connection(self) -> AbstractConnection:
        """A connection that is not connected yet. Raises ValueError for a URL that cannot be one."""
        if self.url is not None:
            try:
                where = dict(parse_url(self.url))
            except ValueError:
                raise ValueError(
                    "it is no redis://, rediss:// or unix:// URL; a password in it must be percent-encoded"
                ) from None
        else:
            where = {"host": self.host, "port": self.port, "password": self.password, "db": self.db}
        kind = where.pop("connection_class", Connection)
        retry = Retry(NoBackoff(), 0)
        connection: AbstractConnection = kind(  # type: ignore[operator]
            **where,
            protocol=2,
            retry=retry,
            socket_connect_timeout=CONNECT_WITHIN_S,
            socket_timeout=None,
            health_check_interval=0,
        )
        return connection

    @property
    def database(self) -> int:
        """Its number: Redis's publishing does not tell databases apart, so channels carry it."""
        return self.db if self.url is None else int(parse_url(self.url).get("db", 0))


class Script:
    """A Lua script in a file of its own, called by its digest."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_bytes()
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()


class _Call:
    """One command; `future` None: nobody waits for its reply."""

    __slots__ = ("accepted_s", "future", "parts", "size")

    def __init__(self, parts: Sequence[Part], future: asyncio.Future[Any] | None, accepted_s: float) -> None:
        self.parts = parts
        self.future = future
        self.accepted_s = accepted_s
        self.size = sum(len(part) for part in parts if isinstance(part, str | bytes))

    def settle(self, reply: Any) -> None:
        if self.future is None or self.future.done():
            return
        if isinstance(reply, Exception):
            self.future.set_exception(reply)
        else:
            self.future.set_result(reply)


class _Kept:
    """A connection that is made again whenever it ends, by one task, with a line in the log at each change of state."""

    def __init__(self, *, options: RedisOptions, what: str) -> None:
        self._options = options
        self._what = what
        self._history_writer: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._was_up: bool | None = None

    async def start(self) -> None:
        """Connect; returns when it is there, or after the first try that failed, which is not the last."""
        self._history_writer = asyncio.create_task(self._keep())
        await self._tried.wait()

    async def close(self) -> None:
        """End the connection for good. Idempotent."""
        if self._history_writer is not None:
            self._history_writer.cancel()
            await asyncio.gather(self._history_writer, return_exceptions=True)
            self._history_writer = None

    async def _keep(self) -> None:
        failures = 0
        while True:
            connection: AbstractConnection | None = None
            try:
                connection = self._options.connection()
                await self._connect(connection)
                failures = 0
                await self._use(connection)
            except (RedisError, OSError, TimeoutError) as error:
                failures += 1
                self._say(False, error)
            except Exception as error:  # a defect, or an answer that is none of Redis's: it must not be the last try
                failures += 1
                if self._was_up is not False:
                    logger.exception("the connection to redis failed unexpectedly")
                self._say(False, error)
            finally:
                await self._let_go(connection)
            self._tried.set()
            most_s = longest_s(failures, first_s=2 * RETRY_MIN_S, most_s=RETRY_MAX_S)
            await asyncio.sleep(random.uniform(RETRY_MIN_S, most_s))

    async def _let_go(self, connection: AbstractConnection | None) -> None:
        """Raises nothing that would end the keeper."""
        try:
            try:
                self._ended()
            finally:
                if connection is not None:
                    await _disconnect(connection)
        except Exception:
            logger.exception("the end of a connection to redis failed unexpectedly")

    async def _connect(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await connection.connect()  # type: ignore[no-untyped-call]
            # A server that is stopped accepts, and then says nothing
            await connection.send_command("PING", check_health=False)
            await connection.read_response()

    async def _use(self, connection: AbstractConnection) -> None:
        """Work with it until it fails."""
        raise NotImplementedError

    def _ended(self) -> None:
        """It is no more."""
        raise NotImplementedError

    def _say(self, is_up: bool, error: BaseException | None = None) -> None:
        if is_up is self._was_up:
            return
        self._was_up = is_up
        if is_up:
            logger.info("redis", extra={"fields": {"connection": self._what, "is": "connected"}})
        else:
            fields = {"connection": self._what, "is": "gone", "reason": _reason(error)}
            logger.warning("redis", extra={"fields": fields})


class RedisClient(_Kept):
    """Commands and their replies. Each caller is answered within the options' timeout, with RedisGone at the latest.

    The first commands on a new connection are those that `on_up` sends. Without a connection, and past the bounds,
    calls fail at once.
    """

    def __init__(self, *, options: RedisOptions, scripts: Sequence[Script] = ()) -> None:
        super().__init__(options=options, what="commands")
        self._scripts = scripts
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Call] = deque()
        self._in_flight: deque[_Call] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._limit: asyncio.Timeout | None = None
        self._overflowed = False
        self.is_up = False
        self.on_up: list[Callable[[], None]] = []
        self.on_down: list[Callable[[], None]] = []

    def call(self, *parts: Part) -> asyncio.Future[Any]:
        """Send a command; the future has its reply (bytes, int, list, None), or RedisGone, RedisRefused.

        Raises RedisGone at once.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self._accept(parts, future):
            raise RedisGone("not connected")
        return future

    def send(self, *parts: Part) -> bool:
        """Send a command whose reply nobody needs; False if it surely does not go out."""
        return self._accept(parts, None)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Part] = ()) -> Any:
        """Run a script. Raises RedisGone, RedisRefused."""
        try:
            return await self.call("EVALSHA", script.sha, len(keys), *keys, *args)
        except RedisRefused as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return await self.call("EVAL", script.text, len(keys), *keys, *args)

    def _accept(self, parts: Sequence[Part], future: asyncio.Future[Any] | None) -> bool:
        if not self.is_up:
            return False
        if len(self._waiting) >= WAITING_MAX or self._waiting_bytes >= WAITING_MAX_BYTES:
            # What is dropped now may have been an invalidation: as good as a lost connection, so that it is one.
            self._overflowed = True
            if self._limit is not None and not self._limit.expired():  # one that is ending cannot be told to end
                self._limit.reschedule(self._loop.time())
            return False
        call = _Call(parts, future, self._loop.time())
        self._waiting.append(call)
        self._waiting_bytes += call.size
        self._wake.set()
        return True

    async def _use(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            for script in self._scripts:
                await connection.send_command("SCRIPT", "LOAD", script.text, check_health=False)
                await connection.read_response()
        self.is_up = True
        self._say(True)
        for told in self.on_up:
            told()
        self._tried.set()
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            if self._overflowed:
                raise TimeoutError("too many commands wait")
            for _ in range(min(len(self._waiting), BATCH_MAX)):
                call = self._waiting.popleft()
                self._waiting_bytes -= call.size
                self._in_flight.append(call)
            async with asyncio.timeout(None) as limit:
                self._limit = limit
                overdue = _Overdue(limit, self._in_flight[0].accepted_s, self._options.timeout_s)
                try:
                    await self._exchange(connection)
                finally:
                    self._limit = None
                    overdue.cancel()

    async def _exchange(self, connection: AbstractConnection) -> None:
        in_flight = self._in_flight
        await connection.send_packed_command(
            connection.pack_commands([call.parts for call in in_flight]), check_health=False
        )
        while in_flight:
            try:
                reply = await connection.read_response(disable_decoding=True)
            except NoScriptError as error:
                call = in_flight[0]
                if call.future is None:
                    raise  # an invalidation that did not happen: as good as a lost connection
                self._load_again()
                reply = RedisRefused(f"NOSCRIPT {error}")
            except ResponseError as error:
                reply = RedisRefused(str(error))
            in_flight.popleft().settle(reply)

    def _load_again(self) -> None:
        """Somebody flushed the scripts."""
        for script in self._scripts:
            self.send("SCRIPT", "LOAD", script.text)

    def _ended(self) -> None:
        was_up, self.is_up = self.is_up, False
        self._overflowed = False
        lost = [*self._in_flight, *self._waiting]
        self._in_flight.clear()
        self._waiting.clear()
        self._waiting_bytes = 0
        for call in lost:
            call.settle(RedisGone("the connection was lost"))
        if was_up:
            _tell_all(self.on_down)


class _Overdue:
    """Ends a wait whose time is over, unless it was our own loop that was late: then once more."""

    def __init__(self, limit: asyncio.Timeout, since_s: float, timeout_s: float) -> None:
        self._limit = limit
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._due_s = since_s + timeout_s
        self._excused = False
        self._timer = self._loop.call_at(self._due_s, self._check)

    def _check(self) -> None:
        now_s = self._loop.time()
        if now_s - self._due_s > LOOP_LATE_S and not self._excused:
            self._excused = True
            self._due_s = now_s + self._timeout_s
            self._timer = self._loop.call_at(self._due_s, self._check)
        elif not self._limit.expired():  # in the same turn it may have ended because too many commands wait
            self._limit.reschedule(now_s)

    def cancel(self) -> None:
        self._timer.cancel()


class RedisListener(_Kept):
    """Receives what is published to the channels it is subscribed to, until told otherwise and across reconnects.

    `receive(channel, payload)` is called on the loop and must not raise. It hears itself: `pulse` publishes to a
    channel of its own each second, and without any word for three the connection is taken for dead. `on_back`: all
    subscriptions stand (again).
    """

    def __init__(
        self,
        *,
        options: RedisOptions,
        pulse_channel: str,
        pulse: Callable[[str, bytes], bool],
        receive: Callable[[str, bytes], None],
    ) -> None:
        super().__init__(options=options, what="bus")
        self._pulse_channel = pulse_channel
        self._pulse = pulse
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._wanted: dict[str, None] = {}
        self._to_send: list[tuple[str, str]] = []
        self._waiters: dict[str, deque[asyncio.Future[None]]] = {}
        self._wake = asyncio.Event()
        self._heard_s = 0.0
        self._echo_s = 0.0  # when the newest pulse was sent that has come back
        self.is_up = False
        self.stands = False  # all that is subscribed to is heard
        self.on_back: list[Callable[[], None]] = []
        self.on_lost: list[Callable[[], None]] = []

    async def subscribe(self, channel: str) -> None:
        """Returns when the subscription stands, or after the timeout: then it stands when the connection is back."""
        self._wanted[channel] = None
        if not self.is_up:
            return
        future = self._ask("SUBSCRIBE", channel)
        with contextlib.suppress(TimeoutError):  # the pulse tells whether it is the connection
            async with asyncio.timeout(self._options.timeout_s):
                await future

    def unsubscribe(self, channel: str) -> None:
        self._wanted.pop(channel, None)
        if self.is_up:
            self._to_send.append(("UNSUBSCRIBE", channel))
            self._wake.set()

    def _ask(self, command: str, channel: str) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiters.setdefault(channel, deque()).append(future)
        self._to_send.append((command, channel))
        self._wake.set()
        return future

    async def _use(self, connection: AbstractConnection) -> None:
        self._heard_s = self._loop.time()
        self._to_send.clear()
        self._wanted[self._pulse_channel] = None
        self.is_up = True  # what is asked for from now on is sent
        standing = asyncio.gather(*[self._ask("SUBSCRIBE", channel) for channel in self._wanted])
        parts = [
            asyncio.create_task(part)
            for part in (self._read(connection), self._write(connection), self._listen(standing))
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _listen(self, standing: Awaitable[Any]) -> None:
        """Say when the subscriptions stand, then watch the pulse."""
        async with asyncio.timeout(SILENT_MAX_S):
            await standing
        self.stands = True
        self._say(True)
        for told in self.on_back:
            told()
        self._tried.set()
        self._echo_s = self._loop.time()
        while True:
            slept_at_s = self._loop.time()
            if not self._pulse(self._pulse_channel, b"%.3f" % slept_at_s):
                self._echo_s = slept_at_s  # it does not go out, so that its absence says nothing
            await asyncio.sleep(PULSE_EVERY_S)
            # While our own loop stood still it could hear nothing
            stood_s = self._loop.time() - slept_at_s - PULSE_EVERY_S
            self._heard_s += stood_s
            self._echo_s += stood_s
            if self._loop.time() - self._heard_s > SILENT_MAX_S:
                raise TimeoutError("no pulse")
            if self._loop.time() - self._echo_s > LATE_MAX_S:
                raise TimeoutError("what is heard is late")

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            message = await connection.read_response(disable_decoding=True)
            self._heard_s = self._loop.time()
            kind, channel, payload = message
            if kind == b"message":
                name = channel.decode()
                if name != self._pulse_channel:
                    self._receive(name, payload)
                else:
                    self._take_echo(payload)
            elif kind == b"subscribe":
                waiting = self._waiters.get(channel.decode())
                if waiting:
                    future = waiting.popleft()
                    if not waiting:
                        del self._waiters[channel.decode()]
                    if not future.done():
                        future.set_result(None)

    def _take_echo(self, payload: bytes) -> None:
        with contextlib.suppress(ValueError):  # anybody may publish there
            self._echo_s = max(self._echo_s, min(float(payload), self._loop.time()))

    async def _write(self, connection: AbstractConnection) -> None:
        while True:
            if not self._to_send:
                self._wake.clear()
                await self._wake.wait()
            commands, self._to_send = self._to_send, []
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)

    def _ended(self) -> None:
        stood, self.stands, self.is_up = self.stands, False, False
        waiters, self._waiters = self._waiters, {}
        for waiting in waiters.values():
            for future in waiting:
                if not future.done():
                    future.set_result(None)
        if stood:
            _tell_all(self.on_lost)


def _tell_all(listeners: Sequence[Callable[[], None]]) -> None:
    """Each of them, whatever another raises."""
    for told in listeners:
        try:
            told()
        except Exception:
            logger.exception("the end of a connection to redis was not taken note of")


async def _disconnect(connection: AbstractConnection) -> None:
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        await connection.disconnect(nowait=True)


def _reason(error: BaseException | None) -> str:
    """One line, without what a password could be in: the driver's texts name host and port."""
    if isinstance(error, AuthenticationError):
        return "the password is refused"
    return " ".join(str(error).split())[:200] or type(error).__name__


async def look(options: RedisOptions) -> str:
    """Connect once, and return what was found. Raises RedisGone with why it cannot be used."""
    connection = options.connection()
    try:
        async with asyncio.timeout(2 * CONNECT_WITHIN_S):
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("INFO", "server", check_health=False)
            told = await connection.read_response(disable_decoding=True)
    except (RedisError, OSError, TimeoutError) as error:
        raise RedisGone(_reason(error)) from error
    finally:
        await _disconnect(connection)
    info = dict(line.split(":", 1) for line in told.decode().splitlines() if ":" in line)
    version = info.get("redis_version", "?")
    if version != "?" and int(version.partition(".")[0]) < VERSION_MIN:
        raise RedisGone(f"Redis {version} is too old, {VERSION_MIN} wanted")
    return f"Redis {version} answers"

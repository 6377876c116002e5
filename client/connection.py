"""A connection that comes back: it sends commands and matches their replies, renews the token, and reconnects with
jitter as the close code asks. Knows nothing of rooms and messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from .backoff import Retries
from .change_signal import ChangeSignal
from .close_codes import TOO_LARGE, Next, after_close
from .errors import ChatError, ConnectionLost, Invalid, SessionEnded
from .http_request import Address
from .pending_commands import PendingCommands
from .session import Session
from .websocket import UpgradeRefused, WebSocket, WebSocketClosed

CONNECT_WITHIN_S = 20.0
WELCOME_WITHIN_S = 10.0
STABLE_S = 10.0  # a connection that lasted this long begins the backoff anew
RENEWAL_RETRY_S = 5.0
_COME_AGAIN = {408, 425, 429}

log = logging.getLogger("chat_rooms.client")


class Connection:
    """`run` is to run in a task for as long as the connection is wanted.

    `on_event(name, data)` gets what is no reply, in order, and must not wait; `on_state(online, reason)` each change
    between online and not; `on_changed()` is called after these, and at the end. `number` counts the connections that
    got their welcome; `ended` is why there will be no other.
    """

    def __init__(
        self,
        *,
        address: Address,
        session: Session,
        on_event: Callable[[str, Mapping[str, Any]], None],
        on_state: Callable[[bool, str], None],
        on_changed: Callable[[], None],
        reply_within_s: float,
        silence_max_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.number = 0
        self.ended: ChatError | None = None
        self.last_error: Exception | None = None
        self.connection_id: str | None = None
        self._address = address
        self._session = session
        self._changed = ChangeSignal()
        self._on_changed = on_changed
        self._on_event = on_event
        self._on_state = on_state
        self._silence_max_s = silence_max_s
        self._clock = clock
        self._socket: WebSocket | None = None
        self._token = ""
        self._refused_token: str | None = None
        self._restart_s: float | None = None
        self._online_since_s: float | None = None
        self._last_received_s = 0.0
        self._ping_every_s = 25.0
        self._retries = Retries()
        self._pending = PendingCommands(reply_within_s=reply_within_s)

    @property
    def is_online(self) -> bool:
        """Whether commands can be sent now."""
        return self._online_since_s is not None

    async def until_online(self) -> None:
        """Wait for a connection. Raises SessionEnded, or what else ended it."""
        await self._changed.until(lambda: self.is_online or self.ended)
        if self.ended is not None:
            raise self.ended

    async def command(
        self, event: str, data: Mapping[str, Any], *, on_ack: Callable[[Mapping[str, Any]], None] | None = None
    ) -> Mapping[str, Any]:
        """Send a command; returns the data of its ack. `on_ack` is called with it before a later frame is looked at.

        Raises Refused; ConnectionLost where no reply came, so that the command may have been carried out.
        """
        async with self._pending.sent(on_ack) as command:
            socket = self._socket
            if socket is None or not self.is_online:
                raise self.ended or ConnectionLost()
            text = json.dumps({"event": event, "id": command.id, "data": data}, ensure_ascii=False)
            command.size = len(text)
            try:
                await socket.send(text)
            except WebSocketClosed as error:
                raise ConnectionLost() from error
            return await command.reply

    # ---- the connections, one after another ----

    async def run(self) -> None:
        """Connect, and reconnect, until `ended`."""
        try:
            while True:
                await asyncio.sleep(await self._one_connection())
        except ChatError as error:
            self._end(error)
        except asyncio.CancelledError:
            self._end(SessionEnded("closed", "the client was closed"))
            raise
        except Exception as error:
            self._end(ChatError("internal", f"the client failed: {error!r}"))
            raise

    def _notify(self) -> None:
        self._changed.notify()
        self._on_changed()

    def _end(self, error: ChatError) -> None:
        self.ended = error
        self._pending.fail_all(error)
        self._notify()

    async def _one_connection(self) -> float:
        """One connection from its beginning to its end. Returns the seconds to wait before the next.

        Raises ChatError where there is to be no other.
        """
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                self._token = await self._session.access_token(refused=self._refused_token)
                socket = await WebSocket.connect(self._address, self._target(), self._headers())
        except UpgradeRefused as error:
            return self._after_refused_upgrade(error)
        except (OSError, TimeoutError, WebSocketClosed) as error:
            return self._wait_after(error, "lost", None)
        except ChatError as error:  # of the renewal
            if not error.retryable:
                raise
            return self._wait_after(error, "lost", error.retry_after_s)
        self._refused_token = None
        try:
            code, reason = await self._use(socket)
        finally:
            was_online_s = self._close(socket)
        if was_online_s is not None and was_online_s > STABLE_S:
            self._retries.reset()
        return self._after(code, reason)

    async def _use(self, socket: WebSocket) -> tuple[int, str]:
        """Read until the connection ends. Returns its close code and reason."""
        self._socket = socket
        self._last_received_s = self._clock()
        duties = [asyncio.create_task(self._watch(socket)), asyncio.create_task(self._renew_tokens())]
        try:
            async for text in socket.texts():
                self._last_received_s = self._clock()
                if text is not None:
                    self._on_text(text)
        except WebSocketClosed as closed:
            return closed.code, closed.reason
        except asyncio.CancelledError:
            self._pending.fail_all(SessionEnded("closed", "the client was closed"))
            await socket.close()
            raise
        finally:
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)
        raise AssertionError("a stream of texts ends with WebSocketClosed")

    def _close(self, socket: WebSocket) -> float | None:
        """Forget a connection. Returns how many seconds it was online."""
        socket.abort()
        self._socket = None
        since_s, self._online_since_s = self._online_since_s, None
        return None if since_s is None else self._clock() - since_s

    # ---- what follows an end ----

    def _after(self, code: int, reason: str) -> float:
        asked = after_close(code)
        restart_s, self._restart_s = self._restart_s, None
        if code == TOO_LARGE:
            self._pending.fail_largest(Invalid("payload_too_large", "this is larger than the server takes"))
        self._pending.fail_all(ConnectionLost())
        self._on_state(False, asked.reason if restart_s is None else "restarting")
        self._notify()
        if asked.next is Next.STOP:
            raise SessionEnded(asked.reason, reason or f"the server closed with {code}")
        error = WebSocketClosed(code, reason)
        if restart_s is not None:
            log.info("the server restarts; reconnecting in %.1f s", restart_s)
            return restart_s
        if asked.next is Next.REFRESH:
            self._refused_token = self._token
            if self._retries.count == 0:
                self._retries.next_delay_s()
                return 0.0
        return self._wait_after(error, asked.reason, asked.min_delay_s)

    def _after_refused_upgrade(self, error: UpgradeRefused) -> float:
        if error.status < 500 and error.status not in _COME_AGAIN:
            raise Invalid("malformed", f"{self._address.host_header} answers {error}: no chat server is there")
        return self._wait_after(error, "unavailable", error.retry_after_s)

    def _wait_after(self, error: Exception, reason: str, at_least_s: float | None) -> float:
        self.last_error = error
        delay_s = self._retries.next_delay_s(at_least_s)
        log.warning("not connected (%s: %s); reconnecting in %.1f s", reason, error, delay_s)
        self._notify()
        return delay_s

    # ---- what the server sends ----

    def _on_text(self, text: str) -> None:
        frame = json.loads(text)
        event, data = frame["event"], frame.get("data", {})
        if event in ("ack", "error"):
            self._pending.settle(event, frame.get("id"), data)
        elif event == "welcome":
            self._on_welcome(data)
        else:
            if event == "serverRestarting":
                self._restart_s = data["reconnectAfterMs"] / 1000
            self._on_event(event, data)

    def _on_welcome(self, data: Mapping[str, Any]) -> None:
        self.connection_id = data["connectionId"]
        self._ping_every_s = data["heartbeatInterval"]
        self.number += 1
        self.last_error = None
        self._online_since_s = self._clock()
        self._on_event("welcome", data)
        self._on_state(True, "connected")
        self._notify()

    # ---- duties ----

    async def _watch(self, socket: WebSocket) -> None:
        """Close a connection that is dead: no welcome in time, or nothing for too long although a ping was sent."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WELCOME_WITHIN_S):
                await self._changed.until(lambda: self.is_online)
        while self.is_online:
            silent_s = self._clock() - self._last_received_s
            if silent_s >= self._ping_every_s + self._silence_max_s:
                break
            if silent_s >= self._ping_every_s:
                socket.ping()
                await asyncio.sleep(self._ping_every_s + self._silence_max_s - silent_s)
            else:
                await asyncio.sleep(self._ping_every_s - silent_s)
        socket.abort()

    async def _renew_tokens(self) -> None:
        """Give the connection a new token before the one it has expires; else the server closes it then."""
        while (due_in_s := self._session.renewal_due_in_s) is not None:
            await asyncio.sleep(due_in_s)
            try:
                token = await self._session.access_token()
                if token == self._token:
                    await asyncio.sleep(RENEWAL_RETRY_S if self._session.renewal_due_in_s == 0.0 else 0.0)
                    continue
                await self._changed.until(lambda: self.is_online)
                await self.command("authenticate", {"token": token})
                self._token = token
            except ConnectionLost:
                await asyncio.sleep(RENEWAL_RETRY_S)
            except ChatError as error:
                if not error.retryable:
                    log.warning("the token was not renewed: %s", error)
                    return  # the server closes when the old one expires
                await asyncio.sleep(error.retry_after_s or RENEWAL_RETRY_S)

    def _target(self) -> str:
        return "/ws" + (f"?replaces={quote(self.connection_id, safe='')}" if self.connection_id else "")

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", "Sec-WebSocket-Protocol": "chat.v1"}

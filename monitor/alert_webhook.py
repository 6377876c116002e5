"""Posts alerts to an operator's URL: a bounded queue, and one task that tries each alert a few times.

The URL is a secret, because services put tokens into it: no log line contains any part of it, and none an error message
that might.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest

from common.backoff import longest_s
from common.rfc3339 import rfc3339_from_s
from common.task_shutdown import finish_or_cancel
from monitor.alerts import AlertEvent

log = logging.getLogger(__name__)

QUEUE_MAX = 100
ATTEMPTS_MAX = 6
TIMEOUT_S = 5.0
BACKOFF_S = 1.0
BACKOFF_MAX_S = 30.0
CLOSE_WITHIN_S = 2.0
REPLY_MAX_BYTES = 65_536

# Statuses that a later try may change (RFC 9110, RFC 6585); any other 4xx means that the request is wrong.
_WORTH_ANOTHER_TRY = {408, 425, 429}


class AlertWebhook:
    """`post` queues an event; if the queue is full the oldest is dropped. Each is tried `attempts_max` times, in turn.

    `backoff_s` is the longest first pause; it doubles up to `backoff_max_s`. The pause is a random 50 to 100 % of that,
    so that the processes that post to one receiver do not retry at the same moment.
    """

    def __init__(
        self,
        *,
        url: str,
        process_id: str,
        queue_max: int = QUEUE_MAX,
        attempts_max: int = ATTEMPTS_MAX,
        timeout_s: float = TIMEOUT_S,
        backoff_s: float = BACKOFF_S,
        backoff_max_s: float = BACKOFF_MAX_S,
        close_within_s: float = CLOSE_WITHIN_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._url = url
        self._process_id = process_id
        self._queue_max = queue_max
        self._attempts_max = attempts_max
        self._timeout_s = timeout_s
        self._backoff_s = backoff_s
        self._backoff_max_s = backoff_max_s
        self._close_within_s = close_within_s
        self._jitter = jitter
        self._waiting: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self._client: AsyncHTTPClient | None = None
        self._is_failing = False
        self._closed = False
        self.dropped = 0

    def post(self, event: AlertEvent) -> None:
        """Queue an event. Must be called on the event loop; returns at once."""
        if self._closed:
            return
        if len(self._waiting) >= self._queue_max:
            self._waiting.popleft()
            self._drop("too many wait")
        self._waiting.append(self._body(event))
        if self._task is None:
            self._begin()

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work())

    def _body(self, event: AlertEvent) -> bytes:
        return msgspec.json.encode(
            {
                "event": event.event,
                "alert": event.alert,
                "processId": self._process_id,
                "at": rfc3339_from_s(event.at_s),
            }
        )

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._deliver(self._waiting.popleft())
        finally:  # also after a cancellation, which ends this task: the remaining alerts need a new one
            self._task = None
            if self._waiting and not self._closed:
                self._begin()

    async def _deliver(self, body: bytes) -> None:
        for attempt in range(self._attempts_max):
            if attempt:
                most_s = longest_s(attempt, first_s=self._backoff_s, most_s=self._backoff_max_s)
                await asyncio.sleep(most_s * (0.5 + 0.5 * self._jitter()))
            try:
                failure, is_final = await self._try(body)
            except asyncio.CancelledError:
                self._drop("its sending was cancelled")
                raise
            if failure is None:
                if self._is_failing:
                    log.info("alert webhook works again", extra={"fields": {"dropped": self.dropped}})
                self._is_failing = False
                return
            self._failed(failure)
            if is_final:
                break
        self._drop("it was refused, or tried often enough")

    async def _try(self, body: bytes) -> tuple[str | None, bool]:
        """Try once. Return the reason of a failure, None for success, and whether another try is useless."""
        try:
            if self._client is None:
                self._client = AsyncHTTPClient(force_instance=True, max_clients=1, max_body_size=REPLY_MAX_BYTES)
            request = HTTPRequest(
                self._url,
                method="POST",
                headers={"Content-Type": "application/json"},
                body=body,
                connect_timeout=self._timeout_s,
                request_timeout=self._timeout_s,
                follow_redirects=False,  # the redirected request would be a GET, perhaps to another host
            )
            await self._client.fetch(request)
        except HTTPError as error:
            return f"status {error.code}", 300 <= error.code < 500 and error.code not in _WORTH_ANOTHER_TRY
        # DNS, TLS, invalid HTTP: many types, and the messages of some contain the host
        except Exception as error:
            return type(error).__name__, False
        return None, False

    def _failed(self, reason: str) -> None:
        if not self._is_failing:
            log.warning("alert webhook failed", extra={"fields": {"reason": reason}})
        self._is_failing = True

    def _drop(self, reason: str) -> None:
        if not self.dropped:
            log.warning("alert webhook drops events; logged once, then counted", extra={"fields": {"reason": reason}})
        self.dropped += 1

    async def close(self) -> None:
        """Accept no more events, give the queued ones `close_within_s`, and stop. Idempotent."""
        self._closed = True
        await finish_or_cancel(self._task, within_s=self._close_within_s)
        self._task = None
        if self._client is not None:
            self._client.close()
            self._client = None

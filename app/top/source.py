"""Asks a running server for its figures. Knows no terminal."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from app.top.metrics_replies import About, Alerts, Cache, Database, Performance, Poll, WebSockets
from common.number_parsing import whole_number

TIMEOUT_S = 5.0
BODY_MAX_BYTES = 10_000_000
OPERATORS = (
    "ask from an address in METRICS_ALLOW, or set CHAT_TOKEN to an access token of somebody whom ADMIN_USERS names"
)

T = TypeVar("T", bound=Struct)


class Away(Exception):
    """The server does not answer now, or asks to come back later. `retry_after_s` is None where it does not say."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Refused(Exception):
    """The server does not show its figures to who asks, or it is no server of this program."""


class FigureSource:
    """The pages of one server, or of all that it is one with. `token` is an access token, None where none is needed."""

    def __init__(self, *, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=BODY_MAX_BYTES)

    async def poll(self) -> Poll:
        """Ask for all pages. Raises Away, Refused."""
        performance = await self._page("/metrics/performance?scope=cluster", Performance)  # alone: it tells who answers
        about, websocket, database, cache, alerts = await asyncio.gather(
            self._page("/health", About),
            self._page("/metrics/websocket?scope=cluster", WebSockets),
            self._page_or_none("/metrics/database?scope=cluster", Database),
            self._page_or_none("/metrics/cache?scope=cluster", Cache),
            self._page("/metrics/alerts", Alerts),
        )
        return Poll(about, performance, websocket, database, cache, alerts)

    async def _page_or_none(self, path: str, kind: type[T]) -> T | None:
        try:
            return await self._page(path, kind)
        except Away:
            return None

    async def _page(self, path: str, kind: type[T]) -> T:
        request = HTTPRequest(
            self._url + path,
            headers=self._headers,
            connect_timeout=TIMEOUT_S,
            request_timeout=TIMEOUT_S,
            follow_redirects=False,  # the token is for this server alone
        )
        try:
            response = await self._client.fetch(request, raise_error=False)
        except (HTTPClientError, OSError, ValueError) as error:
            raise Away(_reason(error)) from error
        _require_ok(response)
        try:
            return msgspec.json.decode(response.body, type=kind)
        except msgspec.DecodeError as error:
            raise Refused(f"what answers at {self._url} is no Chat Rooms server of this version") from error

    def close(self) -> None:
        self._client.close()


def _require_ok(response: HTTPResponse) -> None:
    """Raises Away, Refused for an answer that is not 200."""
    if response.code == 200:
        return
    if response.code in (401, 403):
        raise Refused(f"the server shows its figures to operators alone (HTTP {response.code}): {OPERATORS}")
    if response.code == 599:
        raise Away(_reason(response.error))
    if response.code == 429 or response.code >= 500:
        raise Away(f"it answers HTTP {response.code}", _seconds(response.headers.get("Retry-After")))
    raise Refused(f"{response.effective_url} answers HTTP {response.code}: --url takes the address of the server")


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(whole_number(text))
    except ValueError:
        return None


def _reason(error: Any) -> str:
    """The reason in one line."""
    said = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())

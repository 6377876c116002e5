"""The pre-deployment check (`server.py check`): runs items in order, prints a line for each, and fails if one failed.

It knows how to run a check, not which checks there are: each module that knows one has a function `check_items`.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

ITEM_TIMEOUT_S = 20.0
DISK_FREE_MIN_BYTES = 500_000_000


class CheckItem(Struct, frozen=True):
    """One thing to check; `probe` returns what it found, or raises with the reason for which the check fails."""

    name: str
    probe: Callable[[], Awaitable[str]]


async def run(items: Sequence[CheckItem], print_line: Callable[[str], None]) -> bool:
    """Check all items and print a line for each; returns whether all passed."""
    passed = True
    for item in items:
        try:
            found = await asyncio.wait_for(item.probe(), ITEM_TIMEOUT_S)
        except Exception as error:
            passed = False
            reason = " ".join(str(error).split()) or type(error).__name__
            print_line(f"FAIL {item.name}: {reason}")
        else:
            print_line(f"ok   {item.name}: {found}")
    return passed


def check_disk(folder: Path) -> str:
    """How much space is free where `folder` is, or will be. Raises RuntimeError for less than DISK_FREE_MIN_BYTES."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < DISK_FREE_MIN_BYTES:
        raise RuntimeError(f"{free // 1_000_000} MB free, {DISK_FREE_MIN_BYTES // 1_000_000} MB wanted")
    return f"{free // 1_000_000} MB free"


async def check_ready(url: str) -> str:
    """Request /health/ready from a running server, perhaps through a proxy. Raises RuntimeError unless it is ready."""
    response = await AsyncHTTPClient().fetch(f"{url.rstrip('/')}/health/ready", raise_error=False, request_timeout=5)
    if response.code != 200:
        raise RuntimeError(f"/health/ready answers {response.code}")
    return "/health/ready answers 200"


async def check_websocket(url: str) -> str:
    """Open a WebSocket and wait for the welcome frame, which does not come through a proxy without upgrade headers.

    Raises RuntimeError where none comes.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme)
    if scheme is None:
        raise RuntimeError("the URL takes http:// or https://")
    request = HTTPRequest(f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/ws", connect_timeout=5)
    connection = await websocket_connect(request)
    try:
        frame = await connection.read_message()
    finally:
        connection.close()
    if frame is None or '"welcome"' not in str(frame):
        raise RuntimeError("the WebSocket opens, but no welcome comes")
    return "the WebSocket opens, and the welcome comes"

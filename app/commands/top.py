"""`server.py top`: the figures of a running server in the terminal, every other second."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import textwrap
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from app import settings as settings_module
from app.commands.flags import Flag
from app.settings import Settings
from app.top.figures import figures_of
from app.top.metrics_replies import Poll
from app.top.screen import RED, Style, cut, lines_of
from app.top.source import Away, FigureSource, Refused
from app.top.terminal import Terminal
from common.hosts_and_urls import local_url
from common.startup_error import StartupError

URL = Flag("--url", settings_module.url_kind("http", "https"), "where the server runs; HOST and PORT without it")
TOKEN = "CHAT_TOKEN"
EVERY_S = 2.0
# With a token six requests a time count against its user's RATE_LIMIT_API, which is 1,000 an hour by default.
EVERY_WITH_TOKEN_S = 25.0


def top(settings: Settings, *, program: str, url: str | None = None) -> int:
    """Show the figures until q or Ctrl+C; returns 0. Where the output is no terminal, print them once.

    Raises StartupError with one line where the server refuses, and, without a terminal, where it does not answer.
    """
    where = url or local_url(settings.server.host, settings.server.port)
    token = os.environ.get(TOKEN) or None
    with contextlib.suppress(KeyboardInterrupt):  # before the terminal is taken, or after it was given back
        asyncio.run(_run(where, token, program))
    return 0


async def _run(where: str, token: str | None, program: str) -> None:
    source = FigureSource(url=where, token=token)
    try:
        if sys.stdout.isatty():
            await _watch(source, where, EVERY_S if token is None else EVERY_WITH_TOKEN_S, program)
        else:
            print("\n".join(_drawn(await source.poll(), None, where, 80, Style(coloured=False))))
    except Away as error:
        raise StartupError(_nothing_answers(where, error, program)) from error
    except Refused as error:
        raise StartupError(str(error)) from error
    finally:
        source.close()


async def _watch(source: FigureSource, where: str, every_s: float, program: str) -> None:
    """Draw until the terminal is to be given back. Raises Refused."""
    terminal, style = Terminal(sys.stdout), Style(coloured=not os.environ.get("NO_COLOR"))
    newest: Poll | None = None
    before: Poll | None = None
    with terminal.opened():
        while not terminal.ended.is_set():
            trouble, wait_s = "", every_s
            try:
                before, newest = newest, await _unless_ended(terminal, source.poll())
            except Away as error:
                trouble, wait_s = _nothing_answers(where, error, program), max(every_s, error.retry_after_s or 0)
                before = newest = None
            until = asyncio.get_running_loop().time() + wait_s
            while not terminal.ended.is_set():
                now = f"{datetime.now():%H:%M:%S}, every {every_s:g} s; q ends it"
                lines = [] if newest is None else _drawn(newest, before, where, terminal.width, style)
                if trouble:
                    lines = [*(style(line, RED) for line in textwrap.wrap(trouble, terminal.width)), "trying again"]
                terminal.draw(lines, cut(now, terminal.width))
                if not await _resized(terminal, until):
                    break


async def _unless_ended(terminal: Terminal, asking: Coroutine[Any, Any, Poll]) -> Poll | None:
    """The result of a poll; None where the terminal is to be given back before it is there."""
    polled = asyncio.ensure_future(asking)
    ended = asyncio.ensure_future(terminal.ended.wait())
    try:
        await asyncio.wait((polled, ended), return_when=asyncio.FIRST_COMPLETED)
        return polled.result() if polled.done() else None
    finally:
        for task in (polled, ended):
            task.cancel()
        await asyncio.gather(polled, ended, return_exceptions=True)


async def _resized(terminal: Terminal, until_s: float) -> bool:
    """Wait for another size of the terminal; False where its end, or the time of the next poll, came first."""
    terminal.resized.clear()
    waits = [asyncio.ensure_future(event.wait()) for event in (terminal.resized, terminal.ended)]
    timeout_s = max(0.0, until_s - asyncio.get_running_loop().time())
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
    return terminal.resized.is_set() and not terminal.ended.is_set()


def _drawn(poll: Poll, before: Poll | None, where: str, width: int, style: Style) -> list[str]:
    return lines_of(figures_of(poll, before), where=where, width=width, style=style)


def _nothing_answers(where: str, error: Away, program: str) -> str:
    return f"nothing answers at {where} ({error}): start it with `{program} serve`, or name another with --url"

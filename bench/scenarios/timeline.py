"""What the chat page takes to draw a long room: while it is scrolled through, while messages come and the user types.

Chromium tells the tasks of its main thread that take over 50 ms (Long Tasks API), and of each key how long it was until
the paint that shows it (Event Timing, in steps of 8 ms, from 16 ms on). The page holds the newest 2,000 of the room's
messages at most, and draws as many rows as fit three screens.
"""

from __future__ import annotations

import secrets
import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from bench import rest_client
from bench.chromium import chromium
from bench.errors import BenchError
from bench.measured_server import MeasuredServer
from bench.message_sender import MessageSender
from bench.rest_client import Address
from bench.result import Cell, Figure, Table
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from bench.server_process import NO_SHEDDING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_VIEW = {"width": 1280, "height": 800}
_WITHIN_MS = 60_000
_FRAME_MS = 16
_KEY_MS = 50  # twenty keys a second: faster than anybody types
_LEAST_MS = 16.0  # Event Timing tells of no key that was painted sooner
_WHEEL_PX = 900
_SENTENCE = "the quick brown fox jumps over the lazy dog "
_COLUMNS = ("meanwhile", "tasks over 50 ms", "longest ms", "keys", "key to paint p50 ms", "p95 ms")
_OBSERVE = """() => {
    window.benchTasks = [];
    window.benchKeys = [];
    const observe = (type, take, options) =>
        new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, ...options });
    observe("longtask", ({ duration }) => benchTasks.push(duration));
    observe("event", ({ name, duration }) => name === "keydown" && benchKeys.push(duration), { durationThreshold: 16 });
}"""
_TAKE = "() => [benchTasks.splice(0), benchKeys.splice(0)]"
_KINDS = (
    "a short message",
    "a longer one with **bold** words and a link, https://example.com/a/page, " * 3,
    "`code`, an emoji :smile:, and _more_",
    "> what somebody said\n\nand an answer of two paragraphs\n\n- with\n- a list",
)


class _Phase(msgspec.Struct, frozen=True):
    """What was seen while something was done. Tasks are those over 50 ms; `keys_ms` has all keys."""

    name: str
    tasks_ms: list[float]
    keys_ms: list[float]


def _run(context: ScenarioContext) -> list[Figure]:
    with context.server(NO_SHEDDING) as server, chromium() as browser:
        token, name, password = _register(server.address)
        room_id = rest_client.make_room(server.address, token)
        sender = MessageSender(
            server.address, token, room_id, lambda number: f"{number} {_KINDS[number % len(_KINDS)]}"
        )
        context.step("writing messages")
        sender.send_all(context.options["messages"])
        reader = _Reader(context, _open(context, browser, server, (name, password)))
        phases = [reader.scroll_to_the_beginning()]
        with sender.sending(context.options["per_s"]):
            phases += [reader.type_at_the_end(), reader.scroll_about()]
    rows = [_row(phase) for phase in phases]
    context.findings.tables.append(Table("the chat page, in a room of many messages", _COLUMNS, rows))
    longest = max((task for phase in phases for task in phase.tasks_ms), default=None)
    typed = next(phase for phase in phases if phase.keys_ms)
    return [
        Figure("tasks over 50 ms", sum(len(phase.tasks_ms) for phase in phases), ""),
        Figure("longest of them", longest, "ms"),
        Figure("key to paint, p95", _quantile(typed.keys_ms, 0.95), "ms"),
    ]


def _register(address: Address) -> tuple[str, str, str]:
    """Register somebody; returns the access token, the name and the password."""
    name, password = f"bench-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    body = {"username": name, "email": f"{name}@example.com", "password": password}
    return rest_client.call_until_it_is_taken(address, "POST", "/auth/register", body)["accessToken"], name, password


def _open(context: ScenarioContext, browser: Browser, server: MeasuredServer, login: tuple[str, str]) -> Page:
    """Log in and open the one room."""
    context.step("opening the room")
    visitor = browser.new_context(viewport=_VIEW, service_workers="block")  # type: ignore[arg-type]
    page = visitor.new_page()
    page.set_default_timeout(_WITHIN_MS)
    page.goto(f"http://{server.address.host}:{server.address.port}/")
    page.get_by_label("Username or email").fill(login[0])
    page.get_by_label("Password", exact=True).fill(login[1])
    page.get_by_role("button", name="Log in").click()
    page.locator("[data-room-id]").first.click()
    page.locator("[data-seq]").first.wait_for()
    visitor.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": context.options["cpu_slower"]})
    page.evaluate(_OBSERVE)
    return page


class _Reader:
    """Does what a reader does, and notes what the page took."""

    def __init__(self, context: ScenarioContext, page: Page) -> None:
        self._context = context
        self._page = page
        self._steps = context.options["steps"]

    def scroll_to_the_beginning(self) -> _Phase:
        """Up through the history, which is loaded on the way. Raises BenchError if it does not come to an end."""
        rounds_max = self._context.options["messages"]

        def scroll() -> None:
            for _ in range(rounds_max):
                self._wheel(-_WHEEL_PX)
                if self._page.locator('[data-seq="1"]').count():
                    return
            raise BenchError("the beginning of the room did not come")

        return self._phase("scrolling through the room", scroll)

    def type_at_the_end(self) -> _Phase:
        self._page.get_by_role("button", name="Jump to latest").click()
        self._page.locator("textarea").click()
        keys = (_SENTENCE * (self._steps // len(_SENTENCE) + 1))[: self._steps]

        def write() -> None:
            for key in keys:
                self._page.keyboard.press("Space" if key == " " else key)
                self._page.wait_for_timeout(_KEY_MS)

        return self._phase("messages come, typing", write, keys=len(keys))

    def scroll_about(self) -> _Phase:
        def scroll() -> None:
            for step in range(self._steps):
                self._wheel(_WHEEL_PX if step % 3 == 0 else -_WHEEL_PX)

        return self._phase("messages come, scrolling", scroll)

    def _phase(self, name: str, work: Callable[[], None], *, keys: int = 0) -> _Phase:
        self._context.step(name)
        self._take()
        work()
        self._page.wait_for_timeout(_KEY_MS)
        tasks_ms, seen_ms = self._take()
        return _Phase(name, tasks_ms, seen_ms + [_LEAST_MS] * max(0, keys - len(seen_ms)))

    def _take(self) -> Any:
        return self._page.evaluate(_TAKE)

    def _wheel(self, px: int) -> None:
        self._page.mouse.move(_VIEW["width"] / 2, _VIEW["height"] / 2)
        self._page.mouse.wheel(0, px)
        self._page.wait_for_timeout(_FRAME_MS)


def _row(phase: _Phase) -> tuple[Cell, ...]:
    longest = max(phase.tasks_ms, default=None)
    keys = phase.keys_ms
    painted = (statistics.median(keys), _quantile(keys, 0.95)) if keys else (None, None)
    return (phase.name, len(phase.tasks_ms), longest, len(keys) or None, *painted)


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


SCENARIO = Scenario(
    name="timeline",
    about="What the chat page takes to draw a long room: while it is scrolled through, while messages come.",
    options={
        "messages": Option(10_000, 100, 100_000, "in the room before"),
        "per_s": Option(50, 1, 500, "messages that come meanwhile"),
        "steps": Option(300, 10, 10_000, "keys, and turns of the wheel, while messages come"),
        "cpu_slower": Option(1, 1, 20, "times, than this machine's"),
    },
    run=_run,
)

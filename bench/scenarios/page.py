"""How long a page takes to show something, on a slow network and a slow computer, and what it loads for that.

Chromium emulates both: 9 Mbit/s, 170 ms to each reply, a quarter of this machine's CPU. Each page is loaded with an
empty cache and again with what that left, in turns. The service worker is kept out: what it asks for is neither slowed
down nor counted by Chromium, and it asks for the page's document each time, too. The latency is counted from the
navigation to the first paint that has content in it (Paint Timing), the connection not counted, which is not emulated.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import msgspec

from bench.chromium import chromium
from bench.result import Bound, Cell, Figure, Table
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

PAGES = {"chat": "/", "dashboard": "/dashboard", "interface": "/docs"}
_WITHIN_MS = 60_000
_BITS_PER_BYTE = 8
_FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_COLUMNS = ("page", "cache", "requests", "bytes", "first paint ms", "the slowest ms")
_BYTES = Bound(1.1)


class _Load(msgspec.Struct, frozen=True):
    """One load of a page. Requests and bytes are those of the page's files over the network, heads included."""

    paint_ms: float
    requests: int
    network_bytes: int


def _run(context: ScenarioContext) -> list[Figure]:
    loads: dict[tuple[str, str], list[_Load]] = {}
    with context.server() as server, chromium() as browser:
        base = f"http://{server.address.host}:{server.address.port}"
        for turn in range(context.options["turns"]):
            for name, path in PAGES.items():
                context.step(f"{name}, turn {turn + 1}")
                visitor = browser.new_context(service_workers="block")
                for cache in ("empty", "full"):
                    loads.setdefault((name, cache), []).append(_load(context, visitor, base + path))
                visitor.close()
    context.findings.tables.append(Table("pages", _COLUMNS, [_row(*key, done) for key, done in loads.items()]))
    return [figure for (name, cache), done in loads.items() for figure in _figures(f"{name}, {cache} cache", done)]


def _load(context: ScenarioContext, visitor: BrowserContext, url: str) -> _Load:
    page = visitor.new_page()
    page.set_default_timeout(_WITHIN_MS)
    devtools = visitor.new_cdp_session(page)
    speed = context.options["kbit_s"] * 1000 / _BITS_PER_BYTE
    network = {"latency": context.options["latency_ms"], "downloadThroughput": speed, "uploadThroughput": speed}
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", {"offline": False, **network})
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": context.options["cpu_slower"]})
    sizes: list[int] = []
    files: set[str] = set()

    def on_reply(told: dict[str, Any]) -> None:
        if told["response"]["url"] == url or "/static/" in told["response"]["url"]:
            files.add(told["requestId"])

    def on_end(told: dict[str, Any]) -> None:
        if told["requestId"] in files:
            sizes.append(round(told["encodedDataLength"]))

    devtools.on("Network.responseReceived", on_reply)
    devtools.on("Network.loadingFinished", on_end)
    page.goto(url)
    paint_ms = page.wait_for_function(_FIRST_PAINT).json_value()
    page.wait_for_load_state("load")
    page.close()
    over_network = [size for size in sizes if size > 0]
    return _Load(float(paint_ms), len(over_network), sum(over_network))


def _row(name: str, cache: str, done: list[_Load]) -> tuple[Cell, ...]:
    paints = [one.paint_ms for one in done]
    return (name, cache, done[0].requests, done[0].network_bytes, statistics.median(paints), max(paints))


def _figures(what: str, done: list[_Load]) -> list[Figure]:
    return [
        Figure(f"{what}: first paint", statistics.median(one.paint_ms for one in done), "ms"),
        Figure(f"{what}: over the network", statistics.median(one.network_bytes for one in done), "bytes", _BYTES),
    ]


SCENARIO = Scenario(
    name="page",
    about="Until a page shows something, on a slow network and a slow computer, with an empty cache and a full one.",
    options={
        "turns": Option(5, 1, 100, "of loading each page twice"),
        "kbit_s": Option(9000, 100, 1_000_000, "of the network, each way"),
        "latency_ms": Option(170, 0, 5000, "until a reply begins"),
        "cpu_slower": Option(4, 1, 20, "times, than this machine's"),
    },
    run=_run,
)

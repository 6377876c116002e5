"""Hooks and fixtures of all tests.

With REQUIRE_BACKENDS=1 a skipped test fails. The report of a failed test has the ends of its servers' logs. The last
lines of a run list the failed and the skipped tests.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tornado.ioloop import IOLoop

from monitor.observer import Observer
from store.sqlite import open_store
from tests.support.failure_reports import add_lines, logs_of
from tests.support.mongo import MongoServer, TextSearchServer, find_real_mongod
from tests.support.mongo_mark import mark_mongo
from tests.support.random_examples import load_settings

load_settings()

# The order in which parallel workers take the folders: those with slow files first, so that none runs alone at the end.
FOLDERS = ("browser", "integration", "packaging", "contract", "unit")
REQUIRED = os.environ.get("REQUIRE_BACKENDS") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    allowed = hasattr(report, "wasxfail") or item.get_closest_marker("real_mongod")
    if REQUIRED and report.skipped and not allowed:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped, which REQUIRE_BACKENDS=1 forbids: {report.longrepr}"
    if report.failed:
        report.sections += logs_of(item).items()
    return report


def pytest_configure() -> None:
    # A shell makes background jobs ignore SIGINT, and the processes that tests interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Else the first `IOLoop.make_current` asks asyncio for the loop there was, which makes one that nobody closes: a
    # test in which the garbage collector finds it fails with its ResourceWarning.
    asyncio.set_event_loop(None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Each worker collects thousands of tests, which stay: the garbage collector need not look through them, neither
    while they are made, which is two fifths of the time, nor in the tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    mark_mongo(item)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    turns = {name: turn for turn, name in enumerate(FOLDERS)}
    items.sort(key=lambda item: turns.get(folder_of(item), 0))
    if not find_real_mongod():
        reason = pytest.mark.skip(reason="need a real mongod: put it on PATH, or set MONGO_URI")
        for item in items:
            if item.get_closest_marker("real_mongod"):
                item.add_marker(reason)


def folder_of(item: pytest.Item) -> str:
    """The folder below tests/ in which a test is."""
    return item.nodeid.removeprefix("tests/").partition("/")[0]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if hasattr(terminalreporter.config, "workerinput"):
        return  # a worker: the controlling process reports for all
    add_lines(report for outcome in ("error", "failed") for report in terminalreporter.stats.get(outcome, []))
    lines = left_out(terminalreporter.stats.get("skipped", []))
    if lines:
        terminalreporter.section("left out, and how to get it")
        for line in lines:
            terminalreporter.line(line)


def left_out(skipped: Sequence[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """Lines about the skipped tests: for each reason the number of tests, and by file the names of the tests, each with
    the number of its parametrizations.
    """
    by_reason: dict[str, dict[str, Counter[str]]] = {}
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        file, _, name = report.nodeid.partition("::")
        names = by_reason.setdefault(reason.removeprefix("Skipped: "), {}).setdefault(file, Counter())
        names[name.partition("[")[0] or "the whole file"] += 1
    lines = []
    for reason, files in sorted(by_reason.items()):
        lines.append(f"{sum(sum(names.values()) for names in files.values())} tests: {reason}")
        for file, names in sorted(files.items()):
            lines.append(
                f"  {file}: "
                f"{', '.join(name if count == 1 else f'{name} ×{count}' for name, count in sorted(names.items()))}"
            )
    return lines


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a MongoDB server that the tests share. Each test uses a database of its own."""
    if given := os.environ.get("MONGO_URI"):
        yield given
        return
    server = MongoServer(tmp_path_factory.mktemp("mongo"), durable=False)
    try:
        yield server.start().uri
    finally:
        server.stop()


@pytest.fixture(scope="session")
def text_uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MongoDB server with text search."""
    if find_real_mongod():
        yield request.getfixturevalue("mongo_uri")
        return
    server = TextSearchServer(tmp_path_factory.mktemp("text"))
    try:
        yield server.start().uri
    finally:
        server.stop()


@pytest.fixture(scope="session")
def new_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR with a new, empty store, to be copied: the scripts that make one are half of what it costs to open."""
    folder = tmp_path_factory.mktemp("new") / "data"

    async def make() -> None:
        store = await open_store(folder, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: 0)
        await store.close()

    asyncio.run(make())
    asyncio.set_event_loop(None)
    return folder


@pytest.fixture
def stack(io_loop: IOLoop) -> Iterator[AsyncExitStack]:
    """An exit stack on the test's event loop, closed at the end of the test."""
    opened = AsyncExitStack()
    yield opened

    async def close() -> None:
        await opened.aclose()
        for _ in range(3):
            await asyncio.sleep(0)  # a transport lets go of its socket in the turn after it was closed

    io_loop.run_sync(close, timeout=30)

"""What holds for all tests: under REQUIRE_BACKENDS=1 a skip is a failure, and the last lines say what was left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator

import pytest

from tests.support.mongo import MongoServer, TextServer, find_real_mongod

REQUIRED = os.environ.get("REQUIRE_BACKENDS") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    allowed = hasattr(report, "wasxfail") or item.get_closest_marker("real_mongod")
    if REQUIRED and report.skipped and not allowed:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped, which REQUIRE_BACKENDS=1 forbids: {report.longrepr}"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not find_real_mongod():
        reason = pytest.mark.skip(reason="need a real mongod: put it on PATH, or set MONGO_URI")
        for item in items:
            if item.get_closest_marker("real_mongod"):
                item.add_marker(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr) for report in skipped)
    if reasons:
        terminalreporter.section("left out, and how to get it")
        for reason, count in sorted(reasons.items()):
            terminalreporter.line(f"{count} tests: {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MongoDB server that the tests share, each with a database of its own."""
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
    server = TextServer(tmp_path_factory.mktemp("text"))
    try:
        yield server.start().uri
    finally:
        server.stop()

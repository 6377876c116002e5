"""What holds for all tests: under REQUIRE_BACKENDS=1 a skip is a failure, and the last lines say what was left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator

import pytest

REQUIRED = os.environ.get("REQUIRE_BACKENDS") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if REQUIRED and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped, which REQUIRE_BACKENDS=1 forbids: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr) for report in skipped)
    if reasons:
        terminalreporter.section("left out, and how to get it")
        for reason, count in sorted(reasons.items()):
            terminalreporter.line(f"{count} tests: {reason.removeprefix('Skipped: ')}")

"""What a failed test leaves to read: the ends of the logs of what it had started, and one line for the end of the run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

FAILURES = "TEST_FAILURES"  # the file to which a run adds a line for each test that failed
LINES = 60  # of each log: its end
LOGS_MAX = 8
REASON_MAX = 300


def logs_of(item: pytest.Item) -> dict[str, str]:
    """The ends of the logs that a test's servers wrote: of those among its fixtures, and of all below its tmp_path."""
    found = {}
    for path in list(dict.fromkeys(_paths(getattr(item, "funcargs", {}).values())))[:LOGS_MAX]:
        lines = path.read_text(errors="replace").splitlines()
        if lines:
            found[f"{path.name}, the last {min(LINES, len(lines))} of {len(lines)} lines"] = "\n".join(lines[-LINES:])
    return found


def _paths(values: Iterable[object]) -> Iterator[Path]:
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _paths(value)
        elif isinstance(value, Path) and value.is_dir():
            yield from (path for path in sorted(value.rglob("*")) if path.suffix == ".log" or path.name == "log")
        elif isinstance(path := getattr(value, "log_path", None), Path) and path.exists():
            yield path


def add_lines(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> None:
    """Add a line for each to the file that the environment names, if it does."""
    path = os.environ.get(FAILURES)
    if path:
        with Path(path).open("a") as file:
            file.writelines(f"FAILED {report.nodeid} - {reason_of(report)}\n" for report in reports)


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why it failed, in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash is not None else report.longrepr)
    return " ".join(text.split())[:REASON_MAX]

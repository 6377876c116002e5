"""Reports of failed tests: the ends of the logs of the processes that a test started, and one line a failed test
for the end of the run.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from msgspec import Struct, structs

FAILURES = "TEST_FAILURES"  # the file to which a run adds a line for each test that failed
LINES = 60  # from the end of each log
LOGS_MAX = 8
REASON_MAX = 400
DEPTH = 2  # how many of the tests' objects may be nested around a server


def logs_of(item: pytest.Item) -> dict[str, str]:
    """The ends of the logs of a test's servers: those among its fixtures, and those with logs below its tmp_path."""
    found = {}
    for path in list(dict.fromkeys(_log_paths(getattr(item, "funcargs", {}).values())))[:LOGS_MAX]:
        lines: list[str] = []
        with contextlib.suppress(OSError):  # a server that still runs may have removed it
            lines = path.read_text(errors="replace").splitlines()
        if lines:
            found[f"{path.name}, the last {min(LINES, len(lines))} of {len(lines)} lines"] = "\n".join(lines[-LINES:])
    return found


def _log_paths(values: Iterable[object], depth: int = DEPTH) -> Iterator[Path]:
    """The logs of servers among the values, in folders among them, and in attributes of the tests' own objects."""
    for value in values:
        if isinstance(path := getattr(value, "log_path", None), Path):
            yield path
        elif isinstance(value, (tuple, list)):
            yield from _log_paths(value, depth)
        elif isinstance(value, Path):
            with contextlib.suppress(OSError):
                yield from sorted(path for path in value.rglob("*") if path.suffix == ".log" or path.name == "log")
        elif depth and type(value).__module__.startswith("tests."):
            held = structs.astuple(value) if isinstance(value, Struct) else getattr(value, "__dict__", {}).values()
            yield from _log_paths(held, depth - 1)


def add_lines(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> None:
    """Append a line for each report to the file that the variable TEST_FAILURES names, if it is set."""
    path = os.environ.get(FAILURES)
    if path:
        with Path(path).open("a") as file:
            file.writelines(f"FAILED {report.nodeid} - {reason_of(report)}\n" for report in reports)


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The reason for a failure, in one line of at most about REASON_MAX characters.

    A long text is cut in the middle: the traceback of a child process has the reason in its last line.
    """
    crash = getattr(report.longrepr, "reprcrash", None)
    text = " ".join(str(crash.message if crash is not None else report.longrepr).split())
    return text if len(text) <= REASON_MAX else f"{text[: REASON_MAX // 2]} … {text[-(REASON_MAX // 2) :]}"

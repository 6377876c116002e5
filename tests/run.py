"""`make test`, `test-quick`, `test-slow`: runs a suite in parallel workers, then those of its tests that compare times
one by one.

Prints at the end how long it took and, for each failed test, its name and the reason. Exit code 0 if all passed, else
1. With COVERAGE=1 lines and branches are measured; `make coverage` reports them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from tests.support.coverage import coverage_variables
from tests.support.failure_reports import FAILURES
from tests.support.random_examples import EXAMPLES

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS = 5  # pytest's exit code where none was chosen
# Compiled modules are kept whatever the environment says: compiling costs each worker 4 s of CPU, and slows each start
# of hundreds of servers.
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}


class Suite(Struct, frozen=True):
    """The tests below `folders` that match `marks`. With `only`, just the files that contain that mark's name.

    `examples`: how many random examples each test by Hypothesis takes that says no number itself.
    """

    folders: tuple[str, ...]
    marks: str
    only: str | None = None
    examples: int = 100


SUITES = {
    "all": Suite(("tests",), "not slow"),
    "quick": Suite(
        ("tests/unit", "tests/contract"), "not slow and not serial and not mongo and not bench", examples=25
    ),
    "slow": Suite(("tests",), "slow", only="slow"),
}


def default_workers() -> int:
    """Three a core, for most tests mostly wait: for a process to start, or for a time to pass. More would cost more
    than they gain: to collect the tests takes 3 s of each worker's CPU.
    """
    return min(16, max(4, 3 * len(os.sched_getaffinity(0))))


def files_with(mark: str, folders: Sequence[str]) -> list[str]:
    """The test files that contain the name of a mark. To collect all files for a few tests would cost each worker
    seconds.
    """
    files = (path for folder in folders for path in sorted((ROOT / folder).rglob("test_*.py")))
    return [str(path.relative_to(ROOT)) for path in files if mark in path.read_text()]


def phases(suite: Suite, workers: int) -> Iterator[tuple[str, list[str]]]:
    """The phases of a run, in order: for each a name and pytest's arguments."""
    places = suite.folders if suite.only is None else files_with(suite.only, suite.folders)
    # One worker runs a whole file, so that its module's server is started once. tests/conftest.py orders the files.
    beside = ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
    yield f"side by side in {workers} workers", [*beside, "-m", f"({suite.marks}) and not serial", *places]
    serial = files_with("serial", suite.folders)
    alone = serial if suite.only is None else [file for file in serial if file in places]
    if alone and "not serial" not in suite.marks:
        yield "alone", ["-m", f"({suite.marks}) and serial", *alone]


def run(name: str, *, workers: int, more: Sequence[str]) -> int:
    took, codes = [], []
    with tempfile.TemporaryDirectory() as folder:
        report_path = Path(os.environ.get(FAILURES) or Path(folder) / "failures")
        before = report_path.stat().st_size if report_path.exists() else 0
        environ = {
            **os.environ,
            **COMPILED,
            **(coverage_variables() if os.environ.get("COVERAGE") == "1" else {}),
            FAILURES: str(report_path),
            EXAMPLES: os.environ.get(EXAMPLES, str(SUITES[name].examples)),
        }
        for phase, arguments in phases(SUITES[name], workers):
            began = time.monotonic()
            command = [sys.executable, "-m", "pytest", "-q", *arguments, *more]
            code = subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode
            codes.append(code)
            took.append(f"{phase}: {time.monotonic() - began:.0f} s")
        failures = report_path.read_bytes()[before:].decode() if report_path.exists() else ""
    print(f"\n{name}: {', '.join(took)}\n{failures}", end="", flush=True)
    return 0 if set(codes) <= {0, NO_TESTS} and 0 in codes else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--workers", type=int)
    given, more = parser.parse_known_args()
    return run(given.suite, workers=given.workers or default_workers(), more=more)


if __name__ == "__main__":
    sys.exit(main())

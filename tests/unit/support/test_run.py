"""Which tests each target runs: together they run every test, and none twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.run import NO_TESTS, ROOT, SUITES, default_workers, files_with, phases


def marks_of(arguments: list[str]) -> str:
    return arguments[arguments.index("-m") + 1]


def test_a_suite_runs_side_by_side_and_then_alone_what_compares_times() -> None:
    (name, beside), *then = phases(SUITES["all"], 6)
    assert "6" in name
    assert beside[:2] == ["-n", "6"]
    assert marks_of(beside) == "(not slow) and not serial"
    assert beside[-1] == "tests"
    for _, alone in then:
        assert marks_of(alone) == "(not slow) and serial"
        assert "-n" not in alone


def test_what_is_slow_is_read_from_the_files_that_name_it() -> None:
    (_, beside), *_ = phases(SUITES["slow"], 6)
    files = [argument for argument in beside if argument.endswith(".py")]
    assert files
    assert all((ROOT / file).is_file() and "slow" in (ROOT / file).read_text() for file in files)
    assert files == files_with("slow", ["tests"])


def test_the_quick_suite_has_one_phase_and_needs_no_mongodb() -> None:
    ((_, arguments),) = phases(SUITES["quick"], 4)
    assert "not mongo" in marks_of(arguments)
    assert arguments[-2:] == ["tests/unit", "tests/contract"]


def test_there_are_several_workers_and_not_too_many() -> None:
    assert 4 <= default_workers() <= 16


def collected(*arguments: str) -> list[str]:
    """The tests that pytest collects with these arguments."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode in (0, NO_TESTS), done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("tests/")]


@pytest.mark.slow
def test_what_is_slow_and_what_is_not_are_every_test_and_none_twice() -> None:
    chosen = [
        arguments[arguments.index("-m") :] for name in ("all", "slow") for _, arguments in phases(SUITES[name], 1)
    ]
    counted = Counter(test for arguments in chosen for test in collected(*arguments))
    every = collected("tests")
    assert len(every) > 3_000
    assert {test: count for test, count in counted.items() if count != 1} == {}
    assert set(every) - set(counted) == set()

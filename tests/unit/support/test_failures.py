"""Reports of failed tests, from outside: pytest runs tests that fail."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.failure_reports import FAILURES, LINES
from tests.support.server import ROOT

FAILING = """
import pytest

class Server:
    def __init__(self, folder):
        self.log_path = folder / "of-the-module.log"
        self.log_path.write_text("the module's server said this")

@pytest.fixture(scope="module")
def server(tmp_path_factory):
    return Server(tmp_path_factory.mktemp("shared"))

def test_of_a_sentence(tmp_path, server):
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "log").write_text("redis said this")
    (tmp_path / "data.log").write_text("".join(f"line {number}\\n" for number in range(100)))
    assert "one" == "two", "a reason\\nin two lines"

def test_of_a_long_reason():
    raise AssertionError("begins so " + 100 * "a traceback's line " + " ends so")

def test_that_passes():
    pass

@pytest.fixture
def broken():
    raise OSError("no set-up")

def test_that_was_not_set_up(broken):
    pass
"""


@pytest.fixture(scope="module", params=[(), ("-n", "1", "--dist", "loadfile")], ids=["alone", "in a worker"])
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The output of a pytest run of FAILING, and the lines that it writes for the end of a run."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "test_it.py").write_text(FAILING)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        str(ROOT / "setup.cfg"),
        "-p",
        "tests.conftest",
        "-q",
        *request.param,
        str(folder),
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**environ, FAILURES: str(folder / "failures")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout, (folder / "failures").read_text()


def test_the_ends_of_its_servers_logs_stand_beside_what_failed(output: tuple[str, str]) -> None:
    printed, _ = output
    beside = printed[printed.index("test_of_a_sentence") :]
    assert f"data.log, the last {LINES} of 100 lines" in beside
    assert "line 99" in beside
    assert "line 39\n" not in beside
    assert "redis said this" in beside
    assert "the module's server said this" in beside


def test_the_last_lines_name_each_test_that_failed_and_why(output: tuple[str, str]) -> None:
    printed, lines = output
    for text in (printed[printed.index("short test summary") :], lines):
        assert "test_it.py::test_of_a_sentence - AssertionError: a reason" in text
        assert "test_it.py::test_that_was_not_set_up - " in text
        assert "no set-up" in text
        assert "test_that_passes" not in text
    assert sorted(line.split()[0] for line in lines.splitlines()) == 3 * ["FAILED"]


def test_of_a_long_reason_the_beginning_and_the_end_are_kept(output: tuple[str, str]) -> None:
    _, lines = output
    (line,) = (line for line in lines.splitlines() if "test_of_a_long_reason" in line)
    assert "AssertionError: begins so" in line
    assert line.endswith("ends so")
    assert len(line) < 1_000

"""A log that goes into a pipe nobody reads: the server replies as usual, later logs how many lines it dropped, and ends
on SIGTERM.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import call
from tests.support.open_descriptors import descriptor_targets
from tests.support.server import ROOT, ServerProcess
from tests.support.waiting import poll

REQUESTS = 1_500
LONG_PATH = f"/static/{'x' * 3_500}"  # its line is shorter than PIPE_BUF, and REQUESTS lines are more than may wait


class ServerWithLogPipe(ServerProcess):
    """A server whose standard output and error are a pipe that only the test reads."""

    def spawn(self) -> subprocess.Popen[bytes]:
        self.read_end, writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "server.py"), "serve"], env=self._env, stdout=writing, stderr=writing, cwd=ROOT
        )
        os.close(writing)
        return self._process

    def flood(self, requests: int) -> None:
        """Make requests that each write a long line to the log."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        for _ in range(requests):
            connection.request("GET", LONG_PATH)
            response = connection.getresponse()
            response.read()
            assert response.status == 404
        connection.close()


@pytest.fixture
def log_format() -> str:
    return "text"


@pytest.fixture
def piped_server(log_format: str, tmp_path: Path) -> Iterator[ServerWithLogPipe]:
    server = ServerWithLogPipe(tmp_path / "data", {"LOG_FORMAT": log_format})
    server.start()
    yield server
    server.kill()
    os.close(server.read_end)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_more_requests_than_fit_are_answered_and_what_was_dropped_is_counted_and_said(
    piped_server: ServerWithLogPipe,
) -> None:
    piped_server.flood(REQUESTS)
    metrics = call(piped_server.url, "GET", "/metrics").body.decode()
    counted = int(float(re.search(r"^\S*log_lines_dropped_total (\S+)", metrics, re.M)[1]))
    assert 0 < counted < REQUESTS
    os.set_blocking(piped_server.read_end, False)
    log = b""

    def is_read() -> bool:
        """Whether the line of a request sent now is written too. Then all lines that waited before it are."""
        nonlocal log
        with contextlib.suppress(BlockingIOError):
            log += os.read(piped_server.read_end, 1_048_576)
        if b"/static/last" in log:
            return True
        call(piped_server.url, "GET", "/static/last")
        return False

    poll(is_read)
    said = sum(int(count) for count in re.findall(rb'log lines dropped.*dropped(?:=|": )(\d+)', log))
    seen = log.count(LONG_PATH.encode())
    assert said >= counted
    assert 0 < seen < REQUESTS <= seen + said
    assert call(piped_server.url, "GET", "/health").status == 200


def test_told_to_end_it_ends_though_what_waits_is_never_read(piped_server: ServerWithLogPipe) -> None:
    piped_server.flood(200)  # ten times the capacity of a pipe
    assert piped_server.terminate() == 0


class ServerWithoutStderr(ServerProcess):
    """A server that was started without a standard error (`2>&-`)."""

    def spawn(self) -> subprocess.Popen[bytes]:
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, str(ROOT / "server.py"), "serve"]
        self._process = subprocess.Popen(command, env=self._env, stdout=subprocess.DEVNULL, cwd=ROOT)
        return self._process


def test_without_a_standard_error_its_lines_are_for_nobody_and_no_other_descriptor_is_written_to(
    tmp_path: Path,
) -> None:
    server = ServerWithoutStderr(tmp_path / "data").start()
    try:
        for _ in range(20):
            assert call(server.url, "GET", "/nothing").status == 404
        metrics = call(server.url, "GET", "/metrics").body.decode()
        assert re.search(r"^\S*log_lines_dropped_total 0(\.0)?$", metrics, re.M)
        opened = [target for number, target in descriptor_targets(server.pid) if number != "0"]
        assert sum("eventpoll" in name for name in opened) == 1, "the log has no copy of the loop's"
        assert server.terminate() == 0
    finally:
        server.stop()

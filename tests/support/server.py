"""A real server process of a test's own: its port, its DATA_DIR, its log."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from common import free_ports
from tests.support.coverage import inherited_coverage_variables
from tests.support.forked_process import ForkedProcess, can_be_forked
from tests.support.waiting import poll

ROOT = Path(__file__).parent.parent.parent
PORTS = range(11_000, 30_000)  # below Linux's ephemeral ones, which start at 32,768
# "gw2" of "6"; unset where tests run one after the other
WORKER, WORKERS = "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"
START_WITHIN_S = 60.0
STOP_WITHIN_S = 40.0
LINES_WITHIN_S = 0.025
PROGRAM = (sys.executable, str(ROOT / "server.py"))


def own_ports(environ: Mapping[str, str] = os.environ) -> range:
    """The ports of this pytest worker alone: no other worker can take one between the check and the listening.

    Each share is halved to leave room for workers that replace crashed ones: these have the next higher numbers.
    """
    if WORKER not in environ:
        return PORTS
    shares = 2 * int(environ[WORKERS])
    count = len(PORTS) // shares
    first = int(environ[WORKER].removeprefix("gw")) % shares * count
    return PORTS[first : first + count]


def free_port(in_a_row: int = 1) -> int:
    """A free loopback port of this worker's own; with `in_a_row`, the first of that many consecutive ones."""
    return free_ports.free_port(ports=own_ports(), in_a_row=in_a_row)


class ServerProcess:
    """A process of `server.py serve`, or of another `program`, with the given environment, and without the limits
    that tests would meet by accident.
    """

    def __init__(
        self,
        data_dir: Path,
        env: Mapping[str, str] | None = None,
        *,
        port: int | None = None,
        program: Sequence[str] = PROGRAM,
        cwd: Path = ROOT,
    ) -> None:
        self._command = [*program, "serve"]
        self._cwd = cwd
        self.data_dir = data_dir
        self.port = port or free_port()
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self._env = {
            "PATH": os.environ["PATH"],
            **inherited_coverage_variables(),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATA_DIR": str(data_dir),
            "RATE_LIMIT_AUTH": "off",
            "RATE_LIMIT_ANONYMOUS": "off",
            "RATE_LIMIT_ADAPTIVE": "false",
            **(env or {}),
        }
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None

    @property
    def env(self) -> Mapping[str, str]:
        """The environment that it is started with, also for commands on the same store."""
        return self._env

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> ServerProcess:
        """Start it and wait until it is ready."""
        self.spawn()
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                raise AssertionError(f"the server ended with {self._process.returncode}:\n{self.log()}")
            try:
                with urllib.request.urlopen(f"{self.url}/health/ready", timeout=1) as response:
                    if response.status == 200:
                        return self
            except (urllib.error.URLError, OSError):
                time.sleep(0.03)  # the poll's pace; the condition is the readiness
        raise AssertionError(f"the server is not ready:\n{self.log()}")

    def spawn(self) -> subprocess.Popen[bytes] | ForkedProcess:
        """Start it without waiting. A fork of a process that has imported the server costs a third of the CPU."""
        with self.log_path.open("ab") as log:
            if (*self._command, self._cwd) == (*PROGRAM, "serve", ROOT) and can_be_forked(self._env):
                self._process = ForkedProcess(["serve"], env=self._env, output=log)
            else:
                self._process = subprocess.Popen(
                    self._command,
                    env=self._env,
                    stdout=log,
                    stderr=log,
                    cwd=self._cwd,
                )
        return self._process

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        """SIGTERM; returns the exit code once it ended."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_WITHIN_S)

    def wait(self, within_s: float) -> int:
        """Wait for it to end by itself; returns the exit code."""
        assert self._process is not None
        return self._process.wait(within_s)

    def stop(self) -> None:
        """End it in whatever state it is. Idempotent."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self) -> str:
        """The log's text. A thread writes its lines, mostly within some milliseconds: this waits until the file stops
        growing for LINES_WITHIN_S. `until_logged` waits for a certain line.
        """
        size = -1
        while self.log_path.exists() and size != (size := self.log_path.stat().st_size):
            time.sleep(LINES_WITHIN_S)
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def until_logged(self, text: str) -> None:
        """Wait until the log has this text."""
        poll(lambda: text in self.log(), describe=self.log)

    def assert_log_is_clean(self) -> None:
        """No traceback, and no line above WARNING, was written."""
        log = self.log()
        assert "Traceback" not in log, log
        assert not re.search(r"Z (ERROR|CRITICAL) ", log), log


@contextlib.contextmanager
def serving(data_dir: Path, env: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """A started server, stopped at the end. Raises AssertionError if its log has a traceback or an error."""
    process = ServerProcess(data_dir, env)
    try:
        yield process.start()
    finally:
        process.stop()
    process.assert_log_is_clean()


def command(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 120,
    stdin: str = "",
    program: Sequence[str] = PROGRAM,
    cwd: Path = ROOT,
) -> subprocess.CompletedProcess[str]:
    """Run `server.py`, or another `program`, with arguments to its end."""
    return subprocess.run(
        [*program, *arguments],
        env={"PATH": os.environ["PATH"], **inherited_coverage_variables(), **(env or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        cwd=cwd,
        check=False,
    )

"""A redis-server that stores nothing on disk: started on a port, sent one command at a time, and stopped again.

The bench and the tests start their redis-servers with it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.errors import BenchError
from bench.server_process import HOST, KILLED_WITHIN_S
from common.free_ports import free_port

_START_WITHIN_S = 10.0
_STOP_WITHIN_S = 10
_POLL_S = 0.02
_ASK_TIMEOUT_S = 5
_REPLY_MAX_BYTES = 1 << 20
# Variables that may be set in the user's shell and must not reach these servers: an empty text counts as unset.
_FROM_FILES = ("MONGO_URI_FILE", "REDIS_URL_FILE", "REDIS_PASSWORD_FILE")
UNSET = dict.fromkeys(
    ("MONGO_URI", "REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB", *_FROM_FILES), ""
)


class RedisProcess:
    """A context manager that starts the redis-server and stops it on leaving.

    `port` defaults to a free one; `arguments` are redis-server's own, such as `--requirepass`, `x`; `log_path` receives
    its output, which is dropped without one. `environ` makes a chat server use it, and one DATA_DIR.
    """

    def __init__(self, *, port: int | None = None, arguments: Sequence[str] = (), log_path: Path | None = None) -> None:
        self.port = free_port() if port is None else port
        self._arguments = tuple(arguments)
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self.port

    @property
    def environ(self) -> dict[str, str]:
        return UNSET | {"REDIS_HOST": HOST, "REDIS_PORT": str(self.port)}

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Raises RuntimeError before `start`."""
        return self._started().pid

    def cpu_s(self) -> float:
        """User and system time so far, in seconds. Raises BenchError if the process has ended."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error as error:
            raise BenchError(f"redis-server died: {error}") from error
        return float(times.user + times.system)

    def calls(self, command: str) -> int:
        """The number of times that a command was executed since the start."""
        found = re.search(rf"cmdstat_{command}:calls=(\d+)", self.ask("INFO", "commandstats").decode())
        return int(found[1]) if found else 0

    def ask(self, *words: str | bytes) -> bytes:
        """Send one command on a new connection; returns the raw reply, as far as one `recv` reads. Raises OSError."""
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        command = b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%s\r\n" % (len(part), part) for part in parts])
        with socket.create_connection(self.address, timeout=_ASK_TIMEOUT_S) as connection:
            connection.sendall(command)
            return connection.recv(_REPLY_MAX_BYTES)

    def send_signal(self, number: int) -> None:
        self._started().send_signal(number)

    def __enter__(self) -> RedisProcess:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.stop()

    def start(self, within_s: float = _START_WITHIN_S) -> None:
        """Start it and wait until it replies. Raises BenchError if there is no program, or no reply in time."""
        program = shutil.which("redis-server")
        if program is None:
            raise BenchError("redis-server is not on PATH (Debian: apt-get install redis-server)")
        command = [program, "--port", str(self.port), "--bind", HOST, "--save", "", "--appendonly", "no"]
        with contextlib.ExitStack() as stack:
            output = subprocess.DEVNULL if self._log_path is None else stack.enter_context(self._log_path.open("ab"))
            self._process = subprocess.Popen(
                [*command, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C reaches only the parent, which then stops this process
            )
        deadline = time.monotonic() + within_s
        while not self._replies():
            exit_code = self._process.poll()
            if exit_code is not None:
                raise BenchError(f"redis-server did not start, exit {exit_code}")
            if time.monotonic() > deadline:
                raise BenchError(f"redis-server did not answer in {within_s:.0f} s")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL after 10 s. Idempotent."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Send SIGKILL and wait for the end, 5 s at most. Idempotent."""
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(KILLED_WITHIN_S)

    def _replies(self) -> bool:
        try:
            return self.ask("PING")[:1] in (b"+", b"-")  # an error is a reply too: it may ask for a password
        except OSError:
            return False

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("redis-server is not started")
        return self._process

"""A cluster of the bench's own: server processes on one DATA_DIR and their redis-server, all started here and stopped
again.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench.delivery_checker import Failures
from bench.errors import BenchError
from bench.measured_server import MeasuredServer
from bench.server_process import HOST, KILLED_WITHIN_S, ServerProcess
from common.free_ports import free_port

_START_WITHIN_S = 10
_STOP_WITHIN_S = 10
# What the person at the terminal may have set is not for these: an empty text counts as unset.
_FROM_FILES = ("MONGO_URI_FILE", "REDIS_URL_FILE", "REDIS_PASSWORD_FILE")
_ALONE = dict.fromkeys(
    ("MONGO_URI", "REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB", *_FROM_FILES), ""
)


class RedisProcess:
    """A context manager: a redis-server that keeps nothing, on a free port.

    `environ` makes a server use it, and one DATA_DIR.
    """

    def __init__(self) -> None:
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self._port

    @property
    def environ(self) -> dict[str, str]:
        return _ALONE | {"REDIS_HOST": HOST, "REDIS_PORT": str(self._port)}

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("redis-server is not started")
        return self._process.pid

    def cpu_s(self) -> float:
        """User and system time so far. Raises BenchError where it has ended."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error as error:
            raise BenchError(f"redis-server died: {error}") from error
        return float(times.user + times.system)

    def calls(self, command: str) -> int:
        """How often it was sent a command."""
        found = re.search(rf"cmdstat_{command}:calls=(\d+)", self._ask("INFO commandstats"))
        return int(found[1]) if found else 0

    def __enter__(self) -> RedisProcess:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._stop()

    def _start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise BenchError("redis-server is not on PATH (Debian: apt-get install redis-server)")
        keeping = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        self._process = subprocess.Popen(
            [program, "--port", str(self._port), "--bind", HOST, *keeping],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt at the terminal is for the bench, which then stops it
        )
        deadline = time.monotonic() + _START_WITHIN_S
        while not self._answers():
            died = self._process.poll()
            if died is not None:
                raise BenchError(f"redis-server did not start, exit {died}")
            if time.monotonic() > deadline:
                raise BenchError(f"redis-server did not answer in {_START_WITHIN_S} s")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            return self._ask("PING").startswith("+PONG")
        except OSError:
            return False

    def _ask(self, command: str) -> str:
        with socket.create_connection(self.address, timeout=1) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(65_536).decode()  # it comes in one piece

    def _stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(KILLED_WITHIN_S)


class Cluster:
    """A context manager; on leaving, every process is stopped and the directory removed, whatever happened.

    Without Redis it is one process.
    """

    def __init__(self, processes: int, *, with_redis: bool = True, failures: Failures) -> None:
        self._count = processes
        self._failures = failures
        self._stack = ExitStack()
        self.redis = RedisProcess() if with_redis else None
        self.servers: list[MeasuredServer] = []

    def __enter__(self) -> Cluster:
        with ExitStack() as stack:
            data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-rooms-bench-")))
            environ = _ALONE if self.redis is None else stack.enter_context(self.redis).environ
            for _ in range(self._count):
                one = ServerProcess(environ=environ, failures=self._failures, data_dir=data_dir)
                started = stack.enter_context(one)
                self.servers.append(MeasuredServer(started.address, psutil.Process(started.pid)))
            self._stack = stack.pop_all()  # only now that all are there: else they are let go at once
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._stack.close()

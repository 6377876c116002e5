"""A redis-server of a test's own, which the test may stop, pause and restart."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.redis_process import RedisProcess
from tests.support.server import free_port

START_WITHIN_S = 60.0
MISSING = "need redis-server on PATH (Debian: apt-get install redis-server)"


class RedisServer:
    """`arguments` are redis-server's own, e.g. `--requirepass`, `x`. Nothing is kept over a restart."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder = folder
        self.arguments = arguments
        self.port = free_port()
        self._process: RedisProcess | None = None

    @property
    def log_path(self) -> Path:
        return self._folder / "log"

    @property
    def env(self) -> dict[str, str]:
        """The variables that make a server use it."""
        return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.port)}

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    def start(self) -> RedisServer:
        """Start it and wait until it replies. Skips the test if redis-server is not installed."""
        if shutil.which("redis-server") is None:
            pytest.skip(MISSING)
        self._folder.mkdir(parents=True, exist_ok=True)
        arguments = ("--dir", str(self._folder), *self.arguments)
        self._process = RedisProcess(port=self.port, arguments=arguments, log_path=self.log_path)
        try:
            self._process.start(START_WITHIN_S)
        except BenchError as error:
            raise AssertionError(f"{error}: {self.log_path.read_text()}") from error
        return self

    def ask(self, *words: str | bytes) -> bytes:
        """Send one command on a new connection; returns the raw reply, up to the bytes of one `recv`."""
        return self._started().ask(*words)

    def pause(self) -> None:
        """SIGSTOP: it keeps its connections and replies to nothing."""
        self._started().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._started().send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """kill -9; its data are lost. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def _started(self) -> RedisProcess:
        assert self._process is not None
        return self._process


@contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    """A started redis-server, stopped at the end."""
    server = RedisServer(folder)
    try:
        yield server.start()
    finally:
        server.stop()

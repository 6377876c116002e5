"""A redis-server of a test's own: its port, its faults."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.server import free_port

START_WITHIN_S = 60.0
MISSING = "need redis-server on PATH (Debian: apt-get install redis-server)"


class RedisServer:
    """`arguments` are redis-server's own, e.g. `--requirepass`, `x`. Nothing is kept over a restart."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder = folder
        self.arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def log_path(self) -> Path:
        return self._folder / "log"

    @property
    def env(self) -> dict[str, str]:
        """The variables that make a server use it."""
        return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.port)}

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> RedisServer:
        """Start it and wait until it answers. Skips the test where there is none."""
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip(MISSING)
        self._folder.mkdir(parents=True, exist_ok=True)
        fixed = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(self._folder),
        ]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen([program, *fixed, *self.arguments], stdout=log, stderr=log)
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if self.ask("PING")[:1] in (b"+", b"-"):
                    return self
            except OSError:
                time.sleep(0.01)  # the poll's pace; the condition is the answer
        raise AssertionError(self.log_path.read_text())

    def ask(self, *words: str) -> bytes:
        """Send one command on a connection of its own; returns the raw reply, as much of it as comes at once."""
        command = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(command.encode())
            return connection.recv(1 << 20)

    def pause(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """kill -9; what it held is gone. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def running(folder: Path) -> Iterator[RedisServer]:
    """One that was started, and is stopped at the end."""
    server = RedisServer(folder)
    try:
        yield server.start()
    finally:
        server.stop()

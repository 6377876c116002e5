"""Starts a server on a free port with an empty DATA_DIR and raised limits, and stops it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench import rest_client
from bench.delivery_checker import Failures
from bench.errors import BenchError
from bench.rest_client import Address
from common.free_ports import free_port

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
_START_WITHIN_S = 30
_STOP_WITHIN_S = 40
# A signal that ends the bench during a `poll()` leaves the lock of that Popen object held, so each wait has a limit.
KILLED_WITHIN_S = 5
_NO_LIMIT = "1000000000/60"
_OPERATIONS = (
    "MESSAGES", "API", "AUTH", "JOINS", "RESUMES", "ROOMS", "REACTIONS", "TYPING", "SEARCH", "UPLOADS",
    "UPLOAD_BYTES", "FILES", "FRAMES",
    "CONNECTS", "ANONYMOUS",
)  # fmt: skip
# The limits are raised, not switched off, because a real server spends CPU time on them.
LIMITS = {f"RATE_LIMIT_{operation}": _NO_LIMIT for operation in _OPERATIONS} | {
    "WS_MAX_CONNECTIONS": "100000",
    "WS_MAX_CONNECTIONS_PER_USER": "100000",
    "JWT_EXPIRES_IN": "86400",
}
# For closed loops, which keep a server as busy as it can be: that is no reason to refuse.
NO_SHEDDING = {"RATE_LIMIT_ADAPTIVE": "false"}


class ServerProcess:
    """A context manager that stops the process on leaving and removes its directory, also after an error.

    `data_dir`, if given, is shared with other processes and is not removed.
    """

    def __init__(
        self, *, environ: Mapping[str, str] | None = None, failures: Failures, data_dir: Path | None = None
    ) -> None:
        self._environ = dict(environ or {})
        self._failures = failures
        self._directory = Path(tempfile.mkdtemp(prefix="chat-rooms-bench-"))
        self._data_dir = data_dir or self._directory / "data"
        self._log = self._directory / "server.log"
        self.address = Address(HOST, free_port())
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self.process is None:
            raise RuntimeError("the server is not started")
        return self.process.pid

    def __enter__(self) -> ServerProcess:
        try:
            self._start()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self._stop()
        finally:
            self._kill()

    def _start(self) -> None:
        environ = os.environ | LIMITS | self._environ
        environ |= {"HOST": HOST, "PORT": str(self.address.port), "DATA_DIR": str(self._data_dir)}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "server.py", "serve"],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt at the terminal is for the bench, which then stops the server
            )
        deadline = time.monotonic() + _START_WITHIN_S
        while True:
            if self.process.poll() is not None:
                raise BenchError(f"the server did not start: {self._last_lines()}")
            try:
                rest_client.call(self.address, "GET", "/health/ready")
                return
            except BenchError:
                if time.monotonic() > deadline:
                    raise BenchError(f"the server was not ready in {_START_WITHIN_S} s: {self._last_lines()}") from None
                time.sleep(0.05)

    def _stop(self) -> None:
        process = self.process
        if process is None:
            return
        died = process.poll()
        if died is not None:
            self._failures.add(f"the server died, exit {died}: {self._last_lines()}")
            return
        process.terminate()
        try:
            code = process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._failures.add(f"the server did not stop within {_STOP_WITHIN_S} s of SIGTERM")
            return
        if code:
            self._failures.add(f"the server stopped with exit {code}: {self._last_lines()}")
        elif b"Traceback" in self._log.read_bytes():
            self._failures.add(f"the server logged a traceback: {self._last_lines()}")

    def _kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(KILLED_WITHIN_S)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _last_lines(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return " | ".join(line.strip() for line in lines[-8:]) or "it said nothing"

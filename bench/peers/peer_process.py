"""Starts a server that is no chat server of ours, on a free port with a directory of its own, and stops it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from bench.delivery_checker import Failures
from bench.errors import BenchError
from bench.measured_server import MeasuredServer
from bench.rest_client import Address
from bench.server_process import HOST, KILLED_WITHIN_S, ROOT
from common.free_ports import free_port

_START_WITHIN_S = 20.0
_STOP_WITHIN_S = 5
_POLL_S = 0.02


class PeerProcess:
    """A context manager that gives the server under measurement.

    `command(port, directory)` is its command line. It must listen on the loopback, and end when it gets SIGTERM.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[int, Path], list[str]],
        *,
        environ: Mapping[str, str] | None = None,
        failures: Failures,
    ) -> None:
        self._name, self._command = name, command
        self._environ = os.environ | dict(environ or {})
        self._failures = failures
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = Path(tempfile.mkdtemp(prefix="chat-rooms-bench-"))
        self._log = self._directory / "log"

    def __enter__(self) -> MeasuredServer:
        try:
            return self._start()
        except BaseException:
            self._end()
            raise

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        process = self._process
        try:
            if process is not None and (died := process.poll()) is not None:
                self._failures.add(f"{self._name} died, exit {died}: {self._last_lines()}")
        finally:
            self._end()

    def _start(self) -> MeasuredServer:
        address = Address(HOST, free_port())
        with self._log.open("wb") as log:
            try:
                process = subprocess.Popen(
                    self._command(address.port, self._directory),
                    cwd=ROOT,
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # an interrupt at the terminal is for the bench, which then stops it
                )
            except OSError as error:
                raise BenchError(f"{self._name} did not start: {error}") from error
        self._process = process
        deadline = time.monotonic() + _START_WITHIN_S
        while not _listens(address):
            if process.poll() is not None:
                raise BenchError(f"{self._name} did not start: {self._last_lines()}")
            if time.monotonic() > deadline:
                raise BenchError(f"{self._name} did not listen in {_START_WITHIN_S:.0f} s: {self._last_lines()}")
            time.sleep(_POLL_S)
        return MeasuredServer(address, psutil.Process(process.pid))

    def _end(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(KILLED_WITHIN_S)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _last_lines(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return " | ".join(line.strip() for line in lines[-8:]) or "it said nothing"


def _listens(address: Address) -> bool:
    try:
        with socket.create_connection((address.host, address.port), timeout=1):
            return True
    except OSError:
        return False

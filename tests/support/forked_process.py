"""Processes of `server.py` that are forked from one that has imported it: tests start hundreds of them."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from tests.support.coverage import ROOT, inherited_coverage_variables

TEMPLATE = Path(__file__).with_name("server_template.py")
# Read by the interpreter, the loader or the C library when a program starts, so that a fork would come too late.
READ_AT_EXEC = ("PYTHON", "LD_", "MALLOC_")


def can_be_forked(env: Mapping[str, str]) -> bool:
    """Whether a process that is forked differs in nothing from one that is executed with this environment."""
    return not any(name.startswith(READ_AT_EXEC) for name in env)


class ForkedProcess:
    """A process of `server.py` with the given arguments and environment: what subprocess.Popen offers of one."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], output: BinaryIO) -> None:
        self.pid = _template().ask({"argv": argv, "env": env}, [output.fileno()])
        self.returncode: int | None = None
        self._ended = os.pidfd_open(self.pid)
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit code, or minus the number of the signal that ended it; None while it runs."""
        return self._wait_ms(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for it to end. Raises subprocess.TimeoutExpired."""
        code = self._wait_ms(None if timeout is None else timeout * 1000)
        if code is None:
            raise subprocess.TimeoutExpired("server.py", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _wait_ms(self, within_ms: float | None) -> int | None:
        began_s = time.monotonic()
        if not self._lock.acquire(timeout=-1 if within_ms is None else within_ms / 1000):
            return None
        try:
            if self.returncode is None:
                left_ms = None if within_ms is None else max(0.0, within_ms - (time.monotonic() - began_s) * 1000)
                poller = select.poll()
                poller.register(self._ended, select.POLLIN)
                if poller.poll(left_ms):
                    os.close(self._ended)
                    self.returncode = os.waitstatus_to_exitcode(_template().ask({"wait": self.pid}))
            return self.returncode
        finally:
            self._lock.release()


class Template:
    """The process that is forked."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(TEMPLATE), str(theirs.fileno())],
                env={"PATH": os.environ["PATH"], **inherited_coverage_variables()},
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
            )

    def ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> int:
        with self._lock:
            socket.send_fds(self._requests, [json.dumps(request).encode()], descriptors)
            reply = self._requests.recv(100)
        assert reply, "the template of the servers has ended"
        return int(reply)

    def close(self) -> None:
        self._requests.close()
        self._process.wait()


@functools.cache
def _template() -> Template:
    """The template of this process, from its first use to its end."""
    template = Template()
    atexit.register(template.close)
    return template

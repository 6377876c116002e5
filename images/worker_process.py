"""The process that decodes images, seen from the server: started, given jobs, ended. Knows no queue and no deadline."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from images.worker_messages import RECORD_MAX_BYTES

# What the interpreter, the loader and coverage read. The rest of the environment holds secrets.
_INHERITED = ("PYTHON", "LD_", "COVERAGE_", "PATH", "HOME", "LANG", "LC_")
_PROGRAM = Path(__file__).with_name("worker") / "__main__.py"
# Signals that end a process by what it does itself; another, SIGKILL above all, comes from outside.
_OWN_FAULTS = frozenset(
    {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS, signal.SIGXCPU}
)


class WorkerEnded(Exception):
    """The process ended without an answer."""


class WorkerProcess:
    """One process, from its start to `is_gone`. One job at a time. To be made on the main thread.

    The kernel ends it with the thread that started it.
    """

    def __init__(self) -> None:
        self._is_asked = False
        self._is_killed = False
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", str(_PROGRAM), str(theirs.fileno()), str(os.getpid())],
                    env={name: value for name, value in os.environ.items() if name.startswith(_INHERITED)},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    pass_fds=[theirs.fileno()],
                    process_group=0,  # a terminal's Ctrl-C is for the server
                )
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, record: bytes, descriptors: Sequence[int]) -> bytes:
        """Send a job and return the answer. Raises WorkerEnded. After a cancellation the process is to be ended."""
        self._is_asked = True
        try:
            socket.send_fds(self._socket, [record], descriptors)
            answer = await asyncio.get_running_loop().sock_recv(self._socket, RECORD_MAX_BYTES)
        except OSError as error:
            raise WorkerEnded from error
        finally:
            self._is_asked = False
            self._close_when_killed()
        if not answer:
            raise WorkerEnded
        return answer

    def kill(self) -> None:
        """End the process now, whatever it does; `ask` raises WorkerEnded. May be called again."""
        self._process.kill()
        self._is_killed = True
        self._close_when_killed()

    def _close_when_killed(self) -> None:
        # Not under the loop's eyes: it would hear neither of the end nor of anything else, and wait for ever
        if self._is_killed and not self._is_asked:
            self._socket.close()

    def is_gone(self) -> bool:
        """Whether it has ended; to be asked until it is, for until then the kernel keeps its place (a zombie)."""
        return self._process.poll() is not None

    @property
    def ended_by_itself(self) -> bool:
        """Whether what it was doing ended it, and not somebody else. For one that is gone."""
        code = self._process.returncode
        return code is not None and -code in _OWN_FAULTS

    @property
    def exit_code(self) -> int | None:
        """As subprocess.Popen.returncode."""
        return self._process.returncode

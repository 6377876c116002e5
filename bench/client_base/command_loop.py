"""A client process: it executes one command of the bench at a time, while it receives and checks what comes.

Each command becomes a task, which is stepped once a loop turn until it returns a result.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Generic, TypeVar

import msgspec

TaskT = TypeVar("TaskT")


class End(msgspec.Struct, frozen=True):
    """The command to close all connections and end the process."""


class Failed(msgspec.Struct, frozen=True):
    """The process failed; it ends."""

    why: str


class CommandLoop(Generic[TaskT]):
    """A subclass makes the tasks (`_task_of`), turns its loop once (`_turn`), and closes what it has (`_close`)."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._task: TaskT | None = None
        self._is_over = False

    def run(self) -> None:
        """Run until an End comes or the pipe to the bench is closed."""
        try:
            while not self._is_over:
                self._turn()
        finally:
            self._close()

    def _take_command(self) -> None:
        """The pipe is readable."""
        try:
            command = self._pipe.recv()
        except (EOFError, OSError):
            self._is_over = True  # the bench has ended
            return
        if isinstance(command, End):
            self._is_over = True
        else:
            self._task = self._task_of(command)

    def _return(self, result: object) -> None:
        """The result of the task, which is over."""
        self._task = None
        self._pipe.send(result)

    def _task_of(self, command: object) -> TaskT:
        raise NotImplementedError

    def _turn(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError


def run(loop_of: Callable[[Pipe], CommandLoop[TaskT]], pipe: Pipe) -> None:
    """What a client process does from its start to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the bench ends its processes, also after Ctrl-C
    try:
        loop_of(pipe).run()
    except (OSError, MemoryError) as error:
        with contextlib.suppress(OSError):  # the bench has ended
            pipe.send(Failed(f"{type(error).__name__}: {error}"))

"""The client processes: spawn them, send commands to all or some, gather the results, end them."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection as Pipe
from typing import TypeVar

from bench.client_base.command_loop import End, Failed
from bench.errors import BenchError

_END_WITHIN_S = 5
_GRACE_S = 30  # a command ends by its own deadline; this ends a client process that hangs
ResultT = TypeVar("ResultT")
ReportT = TypeVar("ReportT")


def process_count_for(connections: int) -> int:
    """Half of the cores, as the server needs one; at most 4, and at least 100 connections each."""
    return max(1, min((os.cpu_count() or 1) // 2, 4, connections // 100))


def shares(count: int, parts: int) -> list[int]:
    """`count` spread evenly over the parts."""
    return [count // parts + (part < count % parts) for part in range(parts)]


class ClientProcesses:
    """A context manager with `count` processes, each of which runs `main(pipe, name)`."""

    def __init__(self, count: int, main: Callable[[Pipe, str], None]) -> None:
        self.count = count
        self._main = main
        self._pipes: list[Pipe] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []

    def __enter__(self) -> ClientProcesses:
        context = multiprocessing.get_context("spawn")  # client processes must inherit no state of this one
        try:
            for number in range(self.count):
                ours, theirs = context.Pipe()
                self._pipes.append(ours)
                process = context.Process(target=self._main, args=(theirs, str(number)), daemon=True)
                process.start()
                self._processes.append(process)
                theirs.close()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._end()

    def shared(self, count: int) -> dict[int, int]:
        """The shares of the processes that have one, by process."""
        return {number: share for number, share in enumerate(shares(count, self.count)) if share}

    def execute(
        self,
        commands: Mapping[int, object],
        kind: type[ResultT],
        within_s: float,
        *,
        reports: tuple[type[ReportT], Callable[[int, ReportT], None]] | None = None,
    ) -> list[ResultT]:
        """The results, of `kind`, of the commands, which are by process. Raises BenchError where there is none in time.

        `reports`: what may come before a result, and who is told with the process's number.
        """
        for number, command in commands.items():
            self._pipes[number].send(command)
        results: dict[int, ResultT] = {}
        deadline = time.monotonic() + within_s + _GRACE_S
        while len(results) < len(commands):
            waiting = [self._pipes[number] for number in commands if number not in results]
            left_s = deadline - time.monotonic()
            found = multiprocessing.connection.wait(waiting, timeout=left_s) if left_s > 0 else []
            if not found:
                raise BenchError(f"{len(waiting)} client processes did not answer in time")
            for pipe in found:
                number = self._pipes.index(pipe)  # type: ignore[arg-type]
                try:
                    reply = self._pipes[number].recv()
                except (EOFError, OSError) as error:
                    raise BenchError(f"client process {number} died") from error
                if isinstance(reply, kind):
                    results[number] = reply
                elif reports is not None and isinstance(reply, reports[0]):
                    reports[1](number, reply)
                else:
                    raise BenchError(f"client process {number}: {reply.why if isinstance(reply, Failed) else reply}")
        return [results[number] for number in sorted(results)]

    def _end(self) -> None:
        for pipe in self._pipes:
            with contextlib.suppress(OSError):  # it is gone already
                pipe.send(End())
        for process in self._processes:
            process.join(_END_WITHIN_S)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        for pipe in self._pipes:
            pipe.close()

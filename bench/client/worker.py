"""The event loop of one client process: it steps the task of a command while it receives and checks deliveries."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any

from bench.client.change_task import ChangeTask, WatchTask
from bench.client.connect_task import ConnectTask
from bench.client.connection import Connection
from bench.client.delivery_stats import DeliveryStats
from bench.client.reconnect_task import ReconnectTask
from bench.client.request_task import RequestTask
from bench.client.send_task import SendTask
from bench.client.settle_task import SettleTask
from bench.client.together_task import TogetherTask
from bench.client.worker_protocol import (
    Connect,
    Reconnect,
    Requests,
    Send,
    SendChanges,
    Settle,
    Together,
    WatchChanges,
    WorkerCommand,
    WorkerProgress,
)
from bench.client.worker_task import WorkerTask
from bench.client_base import command_loop
from bench.client_base.command_loop import CommandLoop

_TURN_S = 0.02
_PROGRESS_NS = 500_000_000


class Worker(CommandLoop[WorkerTask]):
    """Owns the connections, their selector and their statistics, and runs the current task."""

    def __init__(self, pipe: Pipe, name: str) -> None:
        super().__init__(pipe)
        self.stats = DeliveryStats(name)
        self.selector = selectors.DefaultSelector()
        self.connections: list[Connection] = []
        self._progress_ns = 0
        self._waits_since_ns = time.monotonic_ns()
        self._tasks: dict[type, Callable[[Any], WorkerTask]] = {
            Connect: lambda command: ConnectTask(self, command),
            Send: lambda command: SendTask(self, command),
            WatchChanges: lambda command: WatchTask(self, command),
            SendChanges: lambda command: ChangeTask(self, command),
            Requests: lambda command: RequestTask(self, command),
            Reconnect: lambda command: ReconnectTask(self, command),
            Together: lambda command: TogetherTask([self._task_of(one) for one in command.commands]),
            Settle: lambda command: SettleTask(self, command),
        }
        self.selector.register(pipe, selectors.EVENT_READ)

    def _turn(self) -> None:
        task = self._task
        timeout_s = _TURN_S if task is None else task.timeout_s(time.monotonic_ns(), _TURN_S)
        ready = self.selector.select(timeout_s)
        began_ns = time.monotonic_ns()
        self.stats.lag.add(0, (began_ns - self._waits_since_ns) // 1000)
        for key, mask in ready:
            connection = key.data
            if connection is None:
                self._take_command()
                continue
            if mask & selectors.EVENT_WRITE and connection.is_open:
                connection.on_writable()
            if mask & selectors.EVENT_READ and connection.is_open:
                connection.on_readable(time.monotonic_ns())
        if self._task is not None:
            self._step(self._task)
        self._waits_since_ns = time.monotonic_ns()
        busy_us = (self._waits_since_ns - began_ns) // 1000
        self.stats.lag.add(busy_us, busy_us)

    def _task_of(self, command: WorkerCommand) -> WorkerTask:  # type: ignore[override]
        return self._tasks[type(command)](command)

    def _close(self) -> None:
        for connection in self.connections:
            connection.close()
        self.selector.close()

    def _step(self, task: WorkerTask) -> None:
        now_ns = time.monotonic_ns()
        result = task.step(now_ns)
        if result is not None:
            self._return(result)
        elif now_ns >= self._progress_ns:
            self._progress_ns = now_ns + _PROGRESS_NS
            self._pipe.send(WorkerProgress(ready=task.ready, deliveries=self.stats.deliveries))


def main(pipe: Pipe, name: str) -> None:
    """The entry point of a client process."""
    command_loop.run(lambda pipe: Worker(pipe, name), pipe)

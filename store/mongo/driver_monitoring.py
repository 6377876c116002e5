"""Listeners that report the driver's commands, connections and servers to the Observer.

They log the shape of a query, never a value. The driver calls them on the thread that runs the command, several at a
time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from motor.frameworks import asyncio as motor_threads
from pymongo import monitoring
from pymongo.errors import PyMongoError

from monitor.observer import Observer

logger = logging.getLogger(__name__)

_SHAPE_MAX = 500  # characters of a logged shape

# The fields of a command that decide how the server finds documents; the others are data, or the driver's own.
_SHAPE_FIELDS = ("filter", "query", "q", "sort", "limit", "pipeline", "updates", "deletes", "projection")

# Commands that the driver sends by itself.
_IGNORED = {"hello", "ismaster", "endSessions", "killCursors", "saslStart", "saslContinue", "buildInfo"}


class CommandMonitor(monitoring.CommandListener):
    """Counts and times commands by collection and kind, and logs the slow ones."""

    def __init__(self, *, observer: Observer, slow_ms: float) -> None:
        self._observer = observer
        self._slow_us = slow_ms * 1000
        self._commands: dict[int, Mapping[str, Any]] = {}  # as many as connections in use

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name not in _IGNORED:
            self._commands[event.request_id] = event.command

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self._ended(event.request_id, event.command_name, event.duration_micros, None)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        failure = event.failure
        code = failure.get("codeName", failure.get("code")) if isinstance(failure, Mapping) else None
        self._ended(event.request_id, event.command_name, event.duration_micros, str(code or "error"))

    def _ended(self, request_id: int, kind: str, duration_us: int, failure: str | None) -> None:
        command = self._commands.pop(request_id, None)
        if command is None:
            return
        collection = collection_of(kind, command)
        self._observer.database_command(collection, kind, duration_us / 1e6, failure)
        if duration_us > self._slow_us:
            fields = {"collection": collection, "kind": kind, "ms": duration_us // 1000, "shape": shape_of(command)}
            logger.warning("slow query", extra={"fields": fields})


class PoolMonitor(monitoring.ConnectionPoolListener):
    """Counts connections in use, and measures how long a thread waits for one."""

    def __init__(self, *, observer: Observer) -> None:
        self._observer = observer
        self._lock = threading.Lock()
        self._asked: dict[int, float] = {}  # by thread: when it asked for a connection
        self.in_use = 0

    @property
    def waiting(self) -> int:
        """Check-outs in progress; a thread has at most one."""
        return len(self._asked)

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None:
        self._asked[threading.get_ident()] = time.monotonic()

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        self._observer.database_checkout(self._waited_s(), str(event.reason))

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        with self._lock:
            self.in_use += 1
        self._observer.database_checkout(self._waited_s(), None)

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        with self._lock:
            self.in_use -= 1

    def _waited_s(self) -> float:
        return time.monotonic() - self._asked.pop(threading.get_ident(), time.monotonic())

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None: ...

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None: ...

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None: ...

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None: ...

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None: ...

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None: ...

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None: ...


def waiting_for_a_thread() -> int:
    """Operations that wait for one of Motor's threads. Motor has as many threads as connections, so operations queue
    here and not in the connection pool.

    Reads a private name of Motor (3.7, its last version), which has no public one for it.
    """
    queue: SimpleQueue[Any] = motor_threads._EXECUTOR._work_queue
    return queue.qsize()


class ServerMonitor(monitoring.ServerHeartbeatListener):
    """Logs one line when a server becomes writable, read-only or unreachable.

    It listens to heartbeats, because the driver calls a ServerListener up to 1 s later and delays its own close by it.
    """

    def __init__(self, *, observer: Observer) -> None:
        self._observer = observer
        self._states: dict[tuple[str, int | None], str] = {}  # as many as servers of the deployment

    def started(self, event: monitoring.ServerHeartbeatStartedEvent) -> None: ...

    def succeeded(self, event: monitoring.ServerHeartbeatSucceededEvent) -> None:
        self._report_state(event.connection_id, "writable" if event.reply.is_writable else "read-only", logging.INFO)

    def failed(self, event: monitoring.ServerHeartbeatFailedEvent) -> None:
        self._report_state(event.connection_id, "unreachable", logging.WARNING)

    def _report_state(self, server: tuple[str, int | None], state: str, level: int) -> None:
        if self._states.get(server) == state:
            return
        self._states[server] = state
        self._observer.database_server(state)
        logger.log(level, "database server", extra={"fields": {"server": f"{server[0]}:{server[1]}", "is": state}})


def is_unexpected(record: logging.LogRecord) -> bool:
    """A filter for the driver's log: drops tracebacks of background tasks that failed to reach the server.

    ServerMonitor logs that in one line.
    """
    return record.exc_info is None or not isinstance(record.exc_info[1], PyMongoError)


def collection_of(kind: str, command: Mapping[str, Any]) -> str:
    """The collection that a command works on, `-` where there is none."""
    target = command.get("collection") if kind == "getMore" else command.get(kind)
    return target if isinstance(target, str) else "-"


def shape_of(command: Mapping[str, Any]) -> str:
    """A command with each value replaced by `?`: `{filter: {roomId: ?, seq: {$gt: ?}}, limit: ?}`."""
    named = {name: command[name] for name in _SHAPE_FIELDS if name in command}
    return _shape(named)[:_SHAPE_MAX]


def _shape(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_shape(part)}" for name, part in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        shapes = dict.fromkeys(_shape(part) for part in value)
        return "[" + ", ".join(shapes) + "]"
    return "?"

"""The event loop of one process of the stream client. Owns its connections and what they have received."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any

from bench.client_base import command_loop
from bench.client_base.command_loop import CommandLoop
from bench.delivery_checker import Failures
from bench.histogram import Histogram
from bench.stream_client.commands import CloseAll, Command, Open, Send, Settle
from bench.stream_client.room_order import RoomBytes, RoomMarkers
from bench.stream_client.stream_connection import StreamConnection, receive_buffer
from bench.stream_client.stream_tasks import TURN_S, CloseTask, OpenTask, SendTask, SettleTask, Task

_FORGET_EVERY_NS = 50_000_000
_REMEMBERED_BYTES = 16 << 20  # of all rooms, before what every connection has is forgotten
_REMEMBERED_MESSAGES = 100_000


class StreamWorker(CommandLoop[Task]):
    """Owns the connections, their rooms, and the epoll instance; runs the current task."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__(pipe)
        self.failures = Failures()
        self.latency = Histogram()
        self.buffer = receive_buffer()
        self.acked = self.lost = self.settled = 0
        self.connections: dict[int, StreamConnection] = {}  # by number
        self.rooms: dict[str, RoomBytes | RoomMarkers] = {}
        self.on_connection_ready: Callable[[int], None] | None = None
        self._forget_ns = 0
        self._by_fd: dict[int, StreamConnection] = {}
        self._epoll = select.epoll()
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        self._tasks: dict[type, Callable[[Any], Task]] = {
            Open: lambda command: OpenTask(self, command),
            Send: lambda command: SendTask(self, command),
            Settle: lambda command: SettleTask(self, command),
            CloseAll: lambda command: CloseTask(self),
        }

    def add(self, connection: StreamConnection) -> None:
        """Own a connection from now on."""
        self.connections[connection.number] = connection
        self._by_fd[connection.sock.fileno()] = connection
        self._epoll.register(connection.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def close_all(self) -> int:
        """Close what is open; returns how many were."""
        still_open = [one for one in self.connections.values() if one.is_open]
        for connection in still_open:
            self._epoll.unregister(connection.sock.fileno())
            connection.close()
        self.connections, self.rooms, self._by_fd = {}, {}, {}
        self.acked = self.settled = 0
        return len(still_open)

    # called by connections

    def watch_writing(self, connection: StreamConnection, *, wanted: bool) -> None:
        mask = select.EPOLLIN | select.EPOLLOUT if wanted else select.EPOLLIN
        self._epoll.modify(connection.sock.fileno(), mask)

    def on_ready(self, connection: StreamConnection, now_ns: int) -> None:
        if self.on_connection_ready is not None:
            self.on_connection_ready(now_ns)

    def on_own(self, number: int, position: int) -> None:
        connection = self.connections.get(number)
        if connection is not None:
            connection.awaits = position

    def on_lost(self, connection: StreamConnection) -> None:
        self.lost += not connection.is_ready
        self._by_fd.pop(connection.sock.fileno(), None)
        self._epoll.unregister(connection.sock.fileno())

    # the loop

    def _turn(self) -> None:
        task = self._task
        timeout_s = TURN_S if task is None else task.timeout_s(time.monotonic_ns())
        by_fd = self._by_fd
        for fd, mask in self._epoll.poll(timeout_s):
            connection = by_fd.get(fd)
            if connection is None:
                if fd == self._pipe.fileno():
                    self._take_command()
                continue
            if mask & select.EPOLLOUT:
                connection.on_writable()
            if mask & ~select.EPOLLOUT and connection.is_open:
                connection.on_readable(time.monotonic_ns())
        now_ns = time.monotonic_ns()
        if now_ns >= self._forget_ns:
            self._forget_ns = now_ns + _FORGET_EVERY_NS
            self._forget()
        if self._task is not None and (result := self._task.step(now_ns)) is not None:
            self._return(result)

    def _task_of(self, command: Command) -> Task:  # type: ignore[override]
        return self._tasks[type(command)](command)

    def _close(self) -> None:
        self.close_all()
        self._epoll.close()

    def _forget(self) -> None:
        """Forget what every connection has; a room of which one connection lacks much stays as it is."""
        rooms = self.rooms.values()
        if (
            sum(len(room.data) for room in rooms if isinstance(room, RoomBytes)) < _REMEMBERED_BYTES
            and sum(room.remembered for room in rooms) < _REMEMBERED_MESSAGES
        ):
            return
        lowest = {room: room.end for room in rooms}
        for one in self.connections.values():
            if one.is_open and one.is_ready:
                lowest[one.room] = min(lowest[one.room], one.position)
        for room, position in lowest.items():
            room.forget(position)


def main(pipe: Pipe, name: str) -> None:
    """The entry point of a client process."""
    command_loop.run(StreamWorker, pipe)

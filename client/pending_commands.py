"""The commands of a connection that have no reply yet: a bounded number, each for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from .errors import ChatError, ConnectionLost, refusal

IN_FLIGHT_MAX = 32  # the server stops reading where more wait


class PendingCommand:
    """`size`: characters of its frame; `reply`: the data of its ack."""

    def __init__(self, command_id: str, on_ack: Callable[[Mapping[str, Any]], None] | None) -> None:
        self.id = command_id
        self.size = 0
        self.on_ack = on_ack
        self.reply: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()

    def fail(self, error: ChatError) -> None:
        """Whoever waits for the reply gets this."""
        if not self.reply.done():
            self.reply.set_exception(error)
            self.reply.exception()  # not reported where nobody waits any more


class PendingCommands:
    def __init__(self, *, reply_within_s: float) -> None:
        self._reply_within_s = reply_within_s
        self._commands: dict[str, PendingCommand] = {}
        self._last_id = 0
        self._places = asyncio.Semaphore(IN_FLIGHT_MAX)

    @asynccontextmanager
    async def sent(self, on_ack: Callable[[Mapping[str, Any]], None] | None) -> AsyncIterator[PendingCommand]:
        """A command that the body sends and waits for. Raises ConnectionLost where no reply comes in time."""
        async with self._places:
            self._last_id += 1
            command = self._commands[str(self._last_id)] = PendingCommand(str(self._last_id), on_ack)
            try:
                async with asyncio.timeout(self._reply_within_s):
                    yield command
            except TimeoutError as error:
                raise ConnectionLost("no reply in time") from error
            finally:
                self._commands.pop(command.id, None)

    def settle(self, event: str, command_id: str | None, data: Mapping[str, Any]) -> None:
        """Take an ack or an error; one that nobody waits for is ignored."""
        command = self._commands.get(command_id or "")
        if command is None or command.reply.done():
            return
        if event == "error":
            command.fail(refusal(data))
            return
        try:
            if command.on_ack is not None:
                command.on_ack(data)
        except Exception as error:
            command.reply.set_exception(error)
        else:
            command.reply.set_result(data)

    def fail_all(self, error: ChatError) -> None:
        """No reply will come."""
        for command in self._commands.values():
            command.fail(error)

    def fail_largest(self, error: ChatError) -> None:
        """The server closed because of a frame's size: that was the largest, if any."""
        waiting = [one for one in self._commands.values() if not one.reply.done()]
        if waiting:
            max(waiting, key=lambda one: one.size).fail(error)

"""What a connection's session holds: its user, joined rooms, queue and the command under way. session.py acts on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from chat.codec import Codec
from chat.connections.command_queue import CommandQueue
from chat.connections.contract import PendingCommand, SessionCommands, SessionLink
from chat.connections.refusals_in_a_row import RefusalsInARow
from monitor.observer import Observer
from store.models import User


class SessionState:
    """A connection: its user, its joined rooms, its queue of commands.

    `address` is the client's. `expires_at` (the end of its token), `opened_at` and `busy_since` are monotonic seconds;
    `busy_since` is 0.0 while no command is under way.
    """

    __slots__ = (
        "_came_at",
        "_codec",
        "_commands",
        "_input_over",
        "_loop",
        "_observer",
        "_on_closed",
        "_on_peer_gone",
        "_paused",
        "_pending",
        "_pending_over",
        "_queue",
        "_refusals",
        "_task",
        "_timed_out",
        "_waited_since",
        "address",
        "busy_since",
        "connection_id",
        "expires_at",
        "link",
        "opened_at",
        "replaces",
        "rooms",
        "session_id",
        "user",
        "user_id",
    )

    def __init__(
        self,
        *,
        link: SessionLink,
        connection_id: str,
        address: str,
        commands: SessionCommands[Any],
        codec: Codec,
        observer: Observer,
        loop: asyncio.AbstractEventLoop,
        on_peer_gone: Callable[[Any], None],
        on_closed: Callable[[Any, int], None],
        opened_at: float,
        replaces: str | None = None,
    ) -> None:
        self.link = link
        self.connection_id = connection_id
        self.address = address
        self.opened_at = opened_at
        self.replaces = replaces  # id of the connection that this one replaces, if both are the same user's
        self.user: User | None = None
        self.user_id = self.session_id = ""
        self.expires_at = 0.0
        # Joined rooms, each with the rev at which the user's membership began; made at the first join, to save memory
        self.rooms: dict[str, int] | None = None
        self.busy_since = 0.0
        self._commands = commands
        self._codec = codec
        self._observer = observer
        self._loop = loop
        self._on_peer_gone = on_peer_gone
        self._on_closed = on_closed
        self._queue: CommandQueue | None = None  # made when a command has to wait, to save memory
        self._waited_since = 0.0  # when the command under way was queued; 0.0: it did not wait
        self._paused = False
        self._input_over = False  # the peer sends nothing more
        self._came_at = 0  # the link's `chunk_at` when the command under way arrived
        self._refusals: RefusalsInARow | None = None  # by limits, since the last success
        self._timed_out = False
        self._task: asyncio.Task[None] | None = None
        self._pending: PendingCommand | None = None  # a command under way that has no task
        self._pending_over: asyncio.Future[None] | None = None  # of who waits for the end of that

    def bind(self, user: User) -> None:
        """Make the connection the user's."""
        self.user, self.user_id = user, user.id

    def renew(self, session_id: str, expires_at: float) -> None:
        """Set the login that the connection depends on, and the end of its token in monotonic seconds."""
        self.session_id, self.expires_at = session_id, expires_at

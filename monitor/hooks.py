"""The Observer that is passed to whatever is watched. Owns the names of what can be seen; this one sees nothing and costs next to it.

Values are passed as they are measured, in seconds and bytes; labels come from small fixed sets, never from clients.
"""

from __future__ import annotations


class Observer:
    """Does nothing. A subclass that counts takes its place; every method may be called on the event loop or a worker thread."""

    __slots__ = ()

    def store_operation(self, name: str, seconds: float, failure: str | None = None) -> None:
        """A store operation ended; `name` like `messages.append`, `failure` a StoreError's reason."""

    def store_commit(self, operations: int, seconds: float) -> None:
        """A group commit ended with so many operations in it."""

    def database_command(self, collection: str, kind: str, seconds: float, failure: str | None) -> None:
        """A command to a database server ended; `kind` like `find`, `failure` the server's name for the error."""

    def database_checkout(self, seconds: float, failure: str | None) -> None:
        """A connection of the database's pool was asked for, and given after so long, or not."""

    def database_server(self, state: str) -> None:
        """A database server became `state`: writable, read-only, unreachable."""

    def cache_read(self, kind: str, outcome: str) -> None:
        """A cache was asked; `outcome`: hit, miss, or stale_fill (a fill that came too late)."""

    def limit_checked(self, operation: str, allowed: bool) -> None:
        """A rate limit was asked."""

    def connection_opened(self) -> None:
        """A WebSocket was admitted."""

    def connection_closed(self, code: int) -> None:
        """A WebSocket ended, with the close code sent or received (1006: none)."""

    def messages_delivered(self, room_connections: int, messages: int) -> None:
        """A fan-out of so many messages to so many connections was handed to the sockets."""

    def dropped(self, what: str, count: int) -> None:
        """Something was dropped on purpose: `ephemeral` events, `outbox` on 4413."""

"""The Observer that is passed to whatever is watched.

Owns the names of what can be seen; this one sees nothing and costs next to it.

Values are passed as they are measured, in seconds and bytes; labels come from small fixed sets, never from clients.
"""

from __future__ import annotations


class Observer:
    """Does nothing.

    A subclass that counts takes its place; every method may be called on the event loop or a worker thread.
    """

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

    def cache_read(self, kind: str, outcome: str, seconds: float = 0.0) -> None:
        """A cache was asked for so long; `outcome`: hit, miss, error, or stale_fill (a fill that came too late).

        A miss of what is trusted for seconds only is a `renewal`.
        """

    def shed(self, what: str) -> None:
        """The process suffers, and refused something of this class."""

    def connection_opened(self) -> None:
        """A WebSocket was admitted."""

    def connection_closed(self, code: int) -> None:
        """A WebSocket ended, with the close code sent or received (1006: none)."""

    def handshake(self, seconds: float) -> None:
        """A WebSocket's request was answered with 101 after so long."""

    def command(self, event: str, outcome: str, seconds: float) -> None:
        """A command was answered: `event` a name that the contract has, `unknown` or `malformed`; `outcome` ok or an
        error's code.
        """

    def messages_in(self, *, ws: int, rest: int) -> None:
        """So many messages were stored, by the way they came."""

    def messages_again(self, *, ws: int, rest: int) -> None:
        """So many were stored already, by an earlier send."""

    def messages_delivered(self, room_connections: int, messages: int) -> None:
        """A fan-out of so many messages to so many connections was handed to the sockets."""

    def send_to_delivery(self, seconds: float, deliveries: int) -> None:
        """So many deliveries were handed to the sockets,
        the first message of them so long after its send was accepted.
        """

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is the table's pattern, never the path that was asked for."""

    def loop_lag(self, seconds: float) -> None:
        """The event loop came so late to a timer."""

    def loop_blocked(self) -> None:
        """Something holds up the event loop."""

    def gc_pause(self, generation: int, seconds: float) -> None:
        """A pass of the garbage collector ended."""

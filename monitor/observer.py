"""The Observer that is passed to every part that is measured: one method for each kind of event.

This implementation does nothing, and a call costs almost nothing; monitor/counting_observer.py counts. Values are in
seconds and bytes. Labels come from small fixed sets, never from clients.
"""

from __future__ import annotations


class Observer:
    """Ignores all events. A subclass may count them.

    Every method may be called on the event loop or on a worker thread.
    """

    __slots__ = ()

    def store_operation(self, name: str, seconds: float, failure: str | None = None) -> None:
        """A store operation ended. `name` is like `messages.append`, `failure` a StoreError's reason."""

    def store_commit(self, operations: int, seconds: float) -> None:
        """A group commit of `operations` writes ended."""

    def database_command(self, collection: str, kind: str, seconds: float, failure: str | None) -> None:
        """A command to a database server ended. `kind` is like `find`, `failure` the server's name for the error."""

    def database_checkout(self, seconds: float, failure: str | None) -> None:
        """A request for a connection of the database's pool ended after `seconds`. `failure` None: it got one."""

    def database_server(self, state: str) -> None:
        """The state of a database server changed to `state`: writable, read-only, unreachable."""

    def cache_read(self, kind: str, outcome: str, seconds: float = 0.0) -> None:
        """A cache read took `seconds`. `outcome`: hit, miss, renewal, stale_fill, error.

        A `renewal` is a miss of a kind of key that is trusted for a few seconds only. A `stale_fill` is a value that
        was loaded and not stored, because the key was invalidated meanwhile.
        """

    def shed(self, what: str) -> None:
        """An operation of this class was refused because the process is overloaded."""

    def connection_opened(self) -> None:
        """A WebSocket was admitted."""

    def connection_closed(self, code: int) -> None:
        """A WebSocket ended. `code`: the close code that was sent or received; 1006 without one (RFC 6455, 7.1.5)."""

    def handshake(self, seconds: float) -> None:
        """An upgrade request was answered with 101 after `seconds`."""

    def command(self, event: str, outcome: str, seconds: float) -> None:
        """A command was answered. `event`: a name of the contract, `unknown` or `malformed`. `outcome`: `ok` or an
        error code.
        """

    def messages_stored(self, *, ws: int, rest: int) -> None:
        """Messages were stored: their number by transport."""

    def messages_duplicate(self, *, ws: int, rest: int) -> None:
        """Messages had been stored by an earlier send already: their number by transport."""

    def messages_delivered(self, room_connections: int, messages: int) -> None:
        """Each of `messages` was handed to the sockets of `room_connections` connections."""

    def send_to_delivery(self, seconds: float, deliveries: int) -> None:
        """Messages were handed to sockets `deliveries` times; their first was accepted `seconds` before."""

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered. `route` is the route table's pattern, never the requested path."""

    def loop_lag(self, seconds: float) -> None:
        """The event loop ran a timer `seconds` late."""

    def loop_blocked(self) -> None:
        """Something blocks the event loop for over a quarter of a second."""

    def gc_pause(self, generation: int, seconds: float) -> None:
        """A pass of the garbage collector over `generation` ended after `seconds`."""

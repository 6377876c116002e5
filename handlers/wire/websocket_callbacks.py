"""The callbacks of a link: the interface that its owner, the session, implements."""

from __future__ import annotations

from typing import Protocol


class WebSocketCallbacks(Protocol):
    """Called on the event loop; must not block."""

    def on_text(self, payload: bytes, *, is_deflated: bool = False) -> None:
        """A text message was received; `is_deflated`: it is still compressed, see `WebSocketLink.inflate`."""

    def on_binary(self) -> None:
        """A binary message was received; its content was discarded."""

    def on_flood(self) -> None:
        """The frames just read exceed the connection's frame budget.

        If the owner closes the link here they are dropped; otherwise they are delivered.
        """

    def on_input_over(self) -> None:
        """The peer sends nothing more: a Close or the end of its stream was received.

        The owner must call `WebSocketLink.finish` once it has handled what came before.
        """

    def on_peer_gone(self) -> None:
        """`WebSocketLink.has_peer` has become false, for whatever reason.

        Called in a later loop turn, possibly twice, and never after `on_closed`.
        """

    def on_closed(self, code: int) -> None:
        """The socket is closed. Called once; `code` was sent or received, or is 1006 if neither happened."""

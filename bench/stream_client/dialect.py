"""How a server is talked to: its path, what is sent at first, the form of a message. Pure: text in, bytes out."""

from __future__ import annotations

import msgspec


class Dialect(msgspec.Struct, frozen=True):
    """In `path`, `opening` and `message`, `%r` is the room, `%t` the connection's token, `%i` its number.

    `message` also has `%m`: the marker that says who sent it and when, and padding. `opening` is sent after the
    upgrade. A text that begins with a key of `replies` is answered with its value. A connection is ready when a text
    begins with `ready`, or, where that is None, after the upgrade. A text that begins with `ack` is the ack of a
    message; one that begins with `error` is a failure of the run. `numbered`: messages have a `"seq"`, which counts.
    `batches`: frames may hold several messages, and not the same ones for each connection; such a server costs the
    client more.
    """

    path: str
    message: str
    opening: str | None = None
    replies: dict[str, str] = {}
    ready: str | None = None
    ack: str | None = None
    error: str | None = None
    numbered: bool = False
    batches: bool = False

    def filled(self, text: str, *, room_id: str, token: str, number: int) -> str:
        """A text of this dialect with everything but the marker."""
        return text.replace("%r", room_id).replace("%t", token).replace("%i", str(number))


def marker(due_ns: int, number: int) -> bytes:
    """What a message of connection `number` carries, which was due then."""
    return b"@@%d.%d@@" % (due_ns, number)

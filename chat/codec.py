"""What the chat asks of the encoding of frames: it passes typed commands, events and results, and carries bytes.

The format, JSON with camelCase names, is known to `handlers/codec/` alone. Structs in `chat/` and `store/models/`
declare the names of their fields once, as msgspec's `rename` (docs/decisions/0021).
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from msgspec import Raw, Struct

from chat.errors import ChatError
from chat.events import Event
from chat.request_inputs.fields import Input

T_co = TypeVar("T_co", bound=Input, covariant=True)
T = TypeVar("T", bound=Input)


class Envelope(Struct, frozen=True):
    """A frame from a client: the name of the command, the client's id for the answer, and the data, not decoded yet."""

    event: str
    id: str | None = None
    data: Raw = Raw(b"{}")


class Decoder(Protocol[T_co]):
    """Decodes one type of input."""

    def decode(self, raw: Raw) -> T_co:
        """Return the input. Raises ChatError malformed, validation_failed."""


class Codec(Protocol):
    """Encodes what leaves for clients and decodes what comes from them."""

    def envelope(self, payload: bytes) -> Envelope:
        """Return the parts of a text frame. Raises MalformedFrame, ChatError validation_failed."""

    def decoder(self, input_type: type[T]) -> Decoder[T]:
        """Return the decoder of a command's data, where null stands for {}; it is made once, not for each frame."""

    def encode(self, value: Struct) -> bytes:
        """Return a struct encoded, to be sent to many or to be cached."""

    def event(self, event: Event) -> bytes:
        """Return the payload of an event's frame."""

    def changed_message(self, payload: bytes) -> tuple[int, bytes] | None:
        """Return the seq and the encoded message of the payload of a MessageChanged; None for any other event."""

    def ack(self, command_id: str, result: Any) -> bytes:
        """Return the payload that answers a command with its result, a struct or None."""

    def refusal(self, command_id: str | None, error: ChatError) -> bytes:
        """Return the payload that answers a command with an error; without an id, a frame that is no command."""

"""What one method of a handler takes and returns. Handlers declare it beside the method; /openapi.json shows it.

The decoders are those that the method uses, so what is shown is what validates
(tests/unit/handlers/documents/test_operations.py). Nothing here runs when a request is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from handlers.codec.input_decoder import InputDecoder

Schema = Mapping[str, Any]

BEARER, FILE_COOKIE = "bearer", "fileCookie"  # ways to say who asks
MULTIPART = "multipart/form-data"
FILE_FORM: Schema = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
}


class Media(Struct, frozen=True):
    """A reply that is no JSON."""

    content_type: str


class Operation(Struct, frozen=True, kw_only=True):
    """One operation of the interface.

    `replies`: by status the type of the JSON body, a Media, or None without a body. `path`: decoders of parts of the
    path, by name. `errors`: the codes besides those that follow from the handler's attributes (openapi.py).
    `is_body_optional`: the body may be left out. `other_bodies`: by content type, what a body may be instead of JSON.
    `rules`: what holds between fields of the body, as JSON Schema. `security`: ways to say who asks, of which one is
    needed where the handler is not public. `example`: a body, or a query where there is no body; ids in it are those of
    examples.py.
    """

    summary: str
    replies: Mapping[int, Any]
    body: InputDecoder[Any] | None = None
    query: InputDecoder[Any] | None = None
    path: Mapping[str, InputDecoder[Any]] = {}
    errors: tuple[str, ...] = ()
    is_body_optional: bool = False
    other_bodies: Mapping[str, Schema] = {}
    rules: Schema = {}
    security: tuple[str, ...] = (BEARER,)
    example: Mapping[str, Any] | None = None


# The refusals that most operations share.
READS_ROOM = ("room_not_found", "not_member", "banned")
MODERATES = (*READS_ROOM, "forbidden")
READS_MESSAGE = ("message_not_found", "not_member", "banned")
WRITES = (*READS_MESSAGE, "muted", "forbidden")

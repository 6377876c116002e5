"""Decodes a client's frame into an Envelope."""

from __future__ import annotations

import contextlib
import json

import msgspec
from msgspec import Raw

from chat.codec import Envelope
from chat.errors import ChatError, MalformedFrame
from handlers.codec.json_text import BOM, UNDECODABLE, has_character, is_surrogate, parse_any

_envelope = msgspec.json.Decoder(Envelope)


def parse_envelope(payload: bytes) -> Envelope:
    """Cut a frame into its parts. Raises MalformedFrame, ChatError validation_failed (an `id` that is no string)."""
    try:
        return _envelope.decode(payload)
    except UNDECODABLE as error:
        if payload.startswith(BOM):  # checked only here, for frames that have none are decoded by now
            payload = payload.removeprefix(BOM)
            with contextlib.suppress(*UNDECODABLE):
                return _envelope.decode(payload)
        whole = parse_any(payload)
        if not isinstance(whole, dict):
            raise MalformedFrame from error
        command_id = whole.get("id")
        if not isinstance(whole.get("event"), str):
            is_answerable = isinstance(command_id, str) and not has_character(command_id, is_surrogate)
            raise MalformedFrame(command_id if is_answerable else None) from error
        if not isinstance(command_id, str | None):
            raise ChatError("validation_failed", details={"id": "takes a string"}) from error
        if has_character(command_id, is_surrogate):
            raise ChatError("validation_failed", details={"id": "holds a lone surrogate"}) from error
        # The fault is within the data: the command's own decoder names the field, in an answer that has the id.
        return Envelope(whole["event"], command_id, Raw(json.dumps(whole.get("data", {})).encode()))

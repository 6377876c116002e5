"""Ids: how they are created, and how a message's id contains its room and seq. Knows no backend."""

from __future__ import annotations

import secrets
import string

from common.number_parsing import whole_number

_ALPHABET = string.ascii_lowercase + string.digits
_ID_LENGTH = 16
_SEQ_DIGITS_MAX = 15
_FILES = "/files/"


def make_id(prefix: str) -> str:
    """A new opaque id of 16 characters: `prefix`, then letters and digits from a cryptographic random source."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH - len(prefix)))


def message_id(room_id: str, seq: int) -> str:
    return f"{room_id}-{seq}"


def file_url(file_id: str) -> str:
    """The path at which clients read a file."""
    return f"{_FILES}{file_id}"


def file_id_of(url: str | None) -> str | None:
    """The id in what `file_url` returned; None for anything else."""
    return url.removeprefix(_FILES) if url is not None and url.startswith(_FILES) else None


def thumbnail_key(file_id: str) -> str:
    """The key of the bytes of a file's thumbnail."""
    return f"{file_id}.thumbnail"


def place_of(message_id: str) -> tuple[str, int] | None:
    """Room id and seq of a message id as `message_id` writes it; None for anything else."""
    room_id, _, digits = message_id.partition("-")
    if not room_id or digits.startswith("0") or len(digits) > _SEQ_DIGITS_MAX:
        return None
    try:
        return room_id, whole_number(digits)
    except ValueError:
        return None


def seq_in_room(room_id: str, message_id: str | None, head: int) -> int | None:
    """The seq of a message id, None if this room has no such message. Without holes, each seq up to the head exists."""
    place = None if message_id is None else place_of(message_id)
    return place[1] if place is not None and place[0] == room_id and place[1] <= head else None

"""What the server tells of, as frozen records: users, rooms, messages, files. `raw` has all that was sent, also fields
that this version does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: str
    username: str
    display_name: str = ""
    status: str = "offline"
    custom_status: str | None = None
    avatar_url: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """`role` and `unread_count` are None where the user is no member."""

    id: str
    name: str
    description: str | None = None
    is_private: bool = False
    kind: str = "room"
    owner_id: str | None = None
    member_count: int = 0
    last_seq: int = 0
    rev: int = 0
    role: str | None = None
    unread_count: int | None = None
    archived_at: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An upload; `size` in bytes, `url` a path that stands below the server's."""

    id: str
    url: str
    name: str
    size: int
    mime_type: str
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`seq` counts a room's messages from 1; of two copies the one with the greater `rev` is the newer. `content` is
    None once it is deleted. Times are RFC 3339.
    """

    id: str
    room_id: str
    seq: int
    rev: int
    user_id: str
    username: str
    content: str | None
    type: str = "text"
    client_id: str | None = None
    reply_to_id: str | None = None
    thread_id: str | None = None
    attachments: tuple[File, ...] = ()
    mentions: tuple[str, ...] = ()
    reactions: Mapping[str, Any] = field(default_factory=dict)
    created_at: str | None = None
    edited_at: str | None = None
    deleted_at: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@cache
def _wire_names(kind: type[Any]) -> tuple[tuple[str, str], ...]:
    """By a record's field the name on the wire."""
    names = [one.name for one in fields(kind) if one.name != "raw"]
    return tuple((name, _camel(name)) for name in names)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def decoded(kind: type[T], data: Mapping[str, Any]) -> T:
    """A record of what the server sent. Raises TypeError where a field that each has is missing."""
    make: Any = kind
    found: T = make(**{name: data[wire] for name, wire in _wire_names(make) if wire in data}, raw=data)
    return found


def decoded_message(data: Mapping[str, Any]) -> Message:
    """A message with its attachments. Raises TypeError."""
    files = tuple(decoded(File, one) for one in data.get("attachments", ()))
    known = {name: data[wire] for name, wire in _wire_names(Message) if wire in data}
    return Message(**{**known, "attachments": files, "mentions": tuple(data.get("mentions", ())), "raw": data})

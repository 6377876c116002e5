"""The types of the fields that clients send, with their limits, and the base of all inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct

from chat.password_rules import new_password
from chat.text_rules import emoji, seen_as_name

Prepare = Callable[[str], str]


def prepared(prepare: Prepare) -> Meta:
    """A text that is taken in another form than it came. `prepare` raises ValueError with what the field takes."""
    return Meta(extra={"prepare": prepare})


MAX_SEQ = 2**53 - 1  # what a JavaScript client can count to

Id = Annotated[str, Meta(min_length=1, max_length=128)]
ClientId = Annotated[str, Meta(min_length=1, max_length=64)]
Content = Annotated[str, Meta(min_length=1, max_length=2000)]
Username = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.-]{3,32}\Z")]
Email = Annotated[str, Meta(pattern=r"\A[^@\s]+@[^@\s]+\Z", max_length=254)]
NewPassword = Annotated[str, prepared(new_password)]
Color = Annotated[str, Meta(pattern=r"\A#[0-9A-Fa-f]{6}\Z")]
RoomName = Annotated[str, prepared(seen_as_name(max_chars=80))]
DisplayName = Annotated[str, prepared(seen_as_name(max_chars=64))]
CustomStatus = Annotated[str, prepared(seen_as_name(max_chars=140))]
Emoji = Annotated[str, prepared(emoji)]
Text = Annotated[str, Meta(max_length=1000)]
Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Limit = Annotated[int, Meta(ge=1, le=100)]


class Input(Struct, frozen=True, rename="camel"):
    """What a client sent, checked. Unknown fields are ignored."""

"""The types of the fields that clients send, with their limits, and the base of all inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct

from chat.password_rules import MAX_CHARS, MIN_CHARS, new_password
from chat.text_rules import EMOJI_BYTES_MAX, emoji, seen_as_name

Prepare = Callable[[str], str]


def prepared(prepare: Prepare, **shown: object) -> Meta:
    """A text that is taken in another form than it came. `prepare` raises ValueError with what the field takes; `shown`
    is what the API documents say of it, in JSON Schema's words.
    """
    return Meta(extra={"prepare": prepare}, extra_json_schema=shown)


def _displayed(max_chars: int) -> Meta:
    return prepared(seen_as_name(max_chars=max_chars), minLength=1, maxLength=max_chars, format="displayed-name")


MAX_SEQ = 2**53 - 1  # what a JavaScript client can count to

Id = Annotated[str, Meta(min_length=1, max_length=128)]
ClientId = Annotated[str, Meta(min_length=1, max_length=64)]
Content = Annotated[str, Meta(min_length=1, max_length=2000)]
Username = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.-]{3,32}\Z")]
Email = Annotated[str, Meta(pattern=r"\A[^@\s]+@[^@\s]+\Z", max_length=254)]
NewPassword = Annotated[str, prepared(new_password, minLength=MIN_CHARS, maxLength=MAX_CHARS, format="password")]
Color = Annotated[str, Meta(pattern=r"\A#[0-9A-Fa-f]{6}\Z")]
RoomName = Annotated[str, _displayed(80)]
DisplayName = Annotated[str, _displayed(64)]
CustomStatus = Annotated[str, _displayed(140)]
Emoji = Annotated[str, prepared(emoji, minLength=1, maxLength=EMOJI_BYTES_MAX, format="emoji")]
Text = Annotated[str, Meta(max_length=1000)]
Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Limit = Annotated[int, Meta(ge=1, le=100)]


class Input(Struct, frozen=True, rename="camel"):
    """What a client sent, checked. Unknown fields are ignored."""

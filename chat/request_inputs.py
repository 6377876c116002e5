"""What clients send, as typed structs: WebSocket commands, REST bodies and queries, with the limits of each field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from chat.password_rules import new_password
from chat.text_rules import nfc, seen_as_name
from store.models import Status

# ---- field types -------------------------------------------------------------------------------------------------

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
Text = Annotated[str, Meta(max_length=1000)]
Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Limit = Annotated[int, Meta(ge=1, le=100)]


class Input(Struct, frozen=True, rename="camel"):
    """What a client sent, checked. Unknown fields are ignored."""


# ---- WebSocket commands ------------------------------------------------------------------------------------------


class Authenticate(Input, frozen=True):
    token: str


class JoinRoom(Input, frozen=True):
    room_id: Id
    since: Seq | None = None
    since_rev: Seq | None = None


class OneRoom(Input, frozen=True):
    """leaveRoom, startTyping, stopTyping, getPresence, getRoomStats."""

    room_id: Id


class SendMessage(Input, frozen=True):
    """Also the body of POST /messages."""

    room_id: Id
    content: Content
    client_id: ClientId | None = None
    reply_to_id: Id | None = None
    thread_id: Id | None = None
    attachments: Annotated[tuple[Id, ...], Meta(max_length=10)] | None = None
    mentions: Annotated[tuple[Id, ...], Meta(max_length=50)] | None = None


class MessageRead(Input, frozen=True):
    room_id: Id
    seq: Seq


class UpdatePresence(Input, frozen=True):
    status: Status
    custom_status: CustomStatus | UnsetType | None = UNSET


class Heartbeat(Input, frozen=True):
    pass


# ---- REST bodies and queries -------------------------------------------------------------------------------------


class Register(Input, frozen=True):
    username: Username
    email: Email
    password: NewPassword


class Login(Input, frozen=True):
    password: str
    username: str | None = None
    email: str | None = None


class RefreshTokens(Input, frozen=True):
    refresh_token: Annotated[str, Meta(max_length=512)]


class ChangePassword(Input, frozen=True):
    old_password: str
    new_password: NewPassword


class PatchProfile(Input, frozen=True):
    display_name: DisplayName | UnsetType = UNSET
    text_color: Color | UnsetType | None = UNSET
    background_color: Color | UnsetType | None = UNSET
    custom_status: CustomStatus | UnsetType | None = UNSET


class CreateRoom(Input, frozen=True):
    name: RoomName
    description: Text | None = None
    is_private: bool = False
    max_users: Annotated[int, Meta(ge=2, le=100_000)] = 100


class OneUser(Input, frozen=True):
    """POST /rooms/direct and POST /rooms/{id}/members."""

    user_id: Id


class Listing(Input, frozen=True):
    """?limit=&cursor="""

    limit: Limit = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class RoomListing(Input, frozen=True):
    mine: bool = False
    q: Annotated[str, Meta(max_length=80), prepared(nfc)] | None = None
    limit: Limit = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class UserSearch(Input, frozen=True):
    q: Annotated[str, Meta(max_length=64), prepared(nfc)] = ""
    limit: Limit = 50


class History(Input, frozen=True):
    room_id: Id
    limit: Limit = 50
    before: Seq | None = None
    after: Seq | None = None
    expand: Literal["author"] | None = None


class ChangesSince(Input, frozen=True):
    since: Seq = 0
    limit: Limit = 50


class HistoryQuery(Input, frozen=True):
    """GET /metrics/history. Which metrics there are, and how many minutes, is only known when it is asked."""

    metric: str = ""
    minutes: str = "60"

"""What clients send about rooms and memberships: REST bodies and queries."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from chat.request_inputs.fields import Id, Input, Limit, RoomName, Text, prepared
from chat.text_rules import nfc

MaxUsers = Annotated[int, Meta(ge=2, le=100_000)]


class CreateRoom(Input, frozen=True):
    name: RoomName
    description: Text | None = None
    is_private: bool = False
    max_users: MaxUsers = 100


class PatchRoom(Input, frozen=True):
    """`slow_mode_s`: seconds between two messages of a member; 0 ends slow mode."""

    name: RoomName | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    is_private: bool | UnsetType = UNSET
    max_users: MaxUsers | UnsetType = UNSET
    slow_mode_s: Annotated[int, Meta(ge=0, le=21_600)] | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class CreateInvite(Input, frozen=True):
    """`expires_in`: seconds, None for a link that does not expire; `max_uses`: None for any number."""

    expires_in: Annotated[int, Meta(ge=1, le=31_536_000)] | None = None
    max_uses: Annotated[int, Meta(ge=1, le=100_000)] | None = None


class OneUser(Input, frozen=True):
    """POST /rooms/direct and POST /rooms/{id}/members."""

    user_id: Id


class Listing(Input, frozen=True):
    """?limit=&cursor="""

    limit: Limit = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class MemberListing(Listing, frozen=True):
    """`q`: the beginning of a user name, in any case."""

    q: Annotated[str, Meta(max_length=64), prepared(nfc)] = ""


class RoomListing(Input, frozen=True):
    mine: bool = False
    q: Annotated[str, Meta(max_length=80), prepared(nfc)] | None = None
    limit: Limit = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None

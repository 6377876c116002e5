"""The rules of a room, as one table: act by who."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from store.errors import Missing, Refused
from store.models import Actor, Refusal, Role, Room
from store.room_rules import (
    require_author_or_moderator,
    require_authority_over,
    require_editor,
    require_mention_of_all,
    require_moderator,
    require_owner,
    require_reactor,
    require_sees_message,
    require_writer,
)

ROOM = Room(
    id="r1", name="Room", description=None, is_private=False, kind="room", owner_id="o", max_users=10, member_count=3,
    slow_mode_s=0, archived_at=None, created_at="2026-01-01T00:00:00.000Z", last_seq=0, rev=0,
)  # fmt: skip
DIRECT = replace(ROOM, kind="direct", owner_id=None, is_private=True)
WHO: dict[str, tuple[Actor, Role | None]] = {
    "stranger": (Actor("s"), None),
    "author": (Actor("a"), Role.MEMBER),
    "member": (Actor("m"), Role.MEMBER),
    "moderator": (Actor("d"), Role.MODERATOR),
    "owner": (Actor("o"), Role.OWNER),
    "admin": (Actor("z", is_admin=True), None),
}

Act = Callable[[Room, Actor, Role | None], None]


def over(target: Role | None) -> Act:
    return lambda room, actor, role: require_authority_over(room, actor, role, target_role=target)


def by_author(room: Room, actor: Actor, role: Role | None) -> None:
    require_author_or_moderator(actor, role, author_id="a")


def mention_all(room: Room, actor: Actor, role: Role | None) -> None:
    require_mention_of_all(role, is_admin=actor.is_admin)


def edit(room: Room, actor: Actor, role: Role | None) -> None:
    require_editor(room, actor, role, author_id="a", muted_until_ms=None, now_ms=1_000)


NOBODY: set[str] = set()
TABLE: list[tuple[str, Act, Room, set[str]]] = [
    ("edit a message", edit, ROOM, {"author", "moderator", "owner", "admin"}),
    ("delete a message", by_author, ROOM, {"author", "moderator", "owner", "admin"}),
    ("delete a message of a direct room", by_author, DIRECT, {"author", "moderator", "owner", "admin"}),
    ("mention all members", mention_all, ROOM, {"moderator", "owner", "admin"}),
    ("change settings", require_moderator, ROOM, {"moderator", "owner", "admin"}),
    ("change settings of a direct room", require_moderator, DIRECT, NOBODY),
    ("delete the room", require_owner, ROOM, {"owner", "admin"}),
    ("ban a stranger", over(None), ROOM, {"moderator", "owner", "admin"}),
    ("ban a member", over(Role.MEMBER), ROOM, {"moderator", "owner", "admin"}),
    ("ban a moderator", over(Role.MODERATOR), ROOM, {"owner", "admin"}),
    ("ban the owner", over(Role.OWNER), ROOM, {"admin"}),
    ("ban from a direct room", over(Role.MEMBER), DIRECT, NOBODY),
]


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(("act", "rule", "room", "allowed"), TABLE, ids=[row[0] for row in TABLE])
def test_who_may_do_what_in_a_room(act: str, rule: Act, room: Room, allowed: set[str], who: str) -> None:
    actor, role = WHO[who]
    if who in allowed:
        rule(room, actor, role)
        return
    with pytest.raises(Refused) as refused:
        rule(room, actor, role)
    to_stranger = Refusal.NOT_MEMBER if rule is by_author or not room.is_private else Refusal.ROOM_NOT_FOUND
    assert refused.value.refusal is (to_stranger if who == "stranger" else Refusal.FORBIDDEN)


@pytest.mark.parametrize(
    ("role", "muted_until_ms", "archived_at", "refusal"),
    [
        (Role.MEMBER, None, None, None),
        (Role.MEMBER, 1_000, None, None),  # the mute is over
        (Role.MEMBER, 1_001, None, Refusal.MUTED),
        (Role.OWNER, None, "2026-01-01T00:00:00.000Z", Refusal.FORBIDDEN),
        (None, None, None, Refusal.NOT_MEMBER),
    ],
)
def test_a_member_who_is_not_muted_writes_in_an_open_room(
    role: Role | None, muted_until_ms: int | None, archived_at: str | None, refusal: Refusal | None
) -> None:
    room = replace(ROOM, archived_at=archived_at)
    try:
        require_writer(room, role, muted_until_ms=muted_until_ms, now_ms=1_000)
    except Refused as refused:
        assert refused.refusal is refusal
    else:
        assert refusal is None


ARCHIVED = "2026-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("who", "muted_until_ms", "archived_at", "refusal"),
    [
        ("author", 1_001, None, Refusal.MUTED),
        ("moderator", 1_001, None, Refusal.MUTED),
        ("member", 1_001, None, Refusal.MUTED),
        ("author", None, ARCHIVED, Refusal.FORBIDDEN),
        ("owner", None, ARCHIVED, Refusal.FORBIDDEN),
        ("admin", None, ARCHIVED, Refusal.FORBIDDEN),
    ],
)
def test_who_may_not_write_does_not_edit_either(
    who: str, muted_until_ms: int | None, archived_at: str | None, refusal: Refusal
) -> None:
    actor, role = WHO[who]
    room = replace(ROOM, archived_at=archived_at)
    with pytest.raises(Refused) as refused:
        require_editor(room, actor, role, author_id="a", muted_until_ms=muted_until_ms, now_ms=1_000)
    assert refused.value.refusal is refusal


def test_an_administrator_who_is_no_member_does_not_edit_what_they_wrote_as_one() -> None:
    with pytest.raises(Refused) as refused:
        require_editor(ROOM, Actor("a", is_admin=True), None, author_id="a", muted_until_ms=None, now_ms=1_000)
    assert refused.value.refusal is Refusal.NOT_MEMBER


@pytest.mark.parametrize(
    ("on", "role", "muted_until_ms", "archived_at", "refusal"),
    [
        (True, Role.MEMBER, None, None, None),
        (True, Role.MEMBER, 1_001, None, Refusal.MUTED),
        (True, Role.MEMBER, None, ARCHIVED, Refusal.FORBIDDEN),
        (False, Role.MEMBER, 1_001, ARCHIVED, None),
        (True, None, None, None, Refusal.NOT_MEMBER),
        (False, None, None, None, Refusal.NOT_MEMBER),
    ],
)
def test_who_may_write_reacts_and_any_member_takes_a_reaction_back(
    on: bool, role: Role | None, muted_until_ms: int | None, archived_at: str | None, refusal: Refusal | None
) -> None:
    room = replace(ROOM, archived_at=archived_at)
    if refusal is None:
        require_reactor(room, role, on=on, muted_until_ms=muted_until_ms, now_ms=1_000)
        return
    with pytest.raises(Refused) as refused:
        require_reactor(room, role, on=on, muted_until_ms=muted_until_ms, now_ms=1_000)
    assert refused.value.refusal is refusal


def test_messages_of_a_private_room_exist_for_its_members_and_administrators() -> None:
    private = replace(ROOM, is_private=True)
    for room, actor, role in (
        (private, Actor("m"), Role.MEMBER),
        (private, Actor("z", is_admin=True), None),
        (ROOM, Actor("s"), None),
    ):
        require_sees_message(room, actor, role)
    with pytest.raises(Missing):
        require_sees_message(private, Actor("s"), None)

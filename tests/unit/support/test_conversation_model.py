"""The model of a conversation by itself: what it says is true, and which faults of a server it finds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.authorization.served_operations import served_operations
from tests.support.conversation.model import OK, Member, Message, Room, as_seen
from tests.support.conversation.operations import OPERATIONS
from tests.support.conversation.timeline import Timeline


def room_of(**roles: str) -> Room:
    return Room("r", "A room", False, 10, {user: Member(role, 0) for user, role in roles.items()})


def message(seq: int, author: str = "ada", **more: Any) -> Message:
    return Message(seq, f"m{seq}", author, f"text {seq}", f"c{seq}", **more)


def shown(one: Message) -> dict[str, Any]:
    """A message as the contract shapes it."""
    return {
        "id": one.id,
        "seq": one.seq,
        "rev": one.rev,
        "userId": one.author,
        "content": one.content,
        "replyToId": one.reply_to,
        "threadId": one.thread,
        "mentions": list(one.mentions),
        "reactions": {emoji: {"count": len(users), "userIds": users} for emoji, users in one.reactions.items()},
        "editedAt": "then" if one.is_edited else None,
        "deletedAt": "then" if one.is_deleted else None,
    }


def ack(seq: int = 0, rev: int = 0, missed: tuple[Message, ...] = (), **more: Any) -> dict[str, Any]:
    fixed = {"truncated": False, "changesTruncated": False, "reset": False, "changes": []}
    return {"seq": seq, "rev": rev, "missed": [shown(one) for one in missed], **fixed, **more}


def joined(seq: int = 0, rev: int = 0) -> Timeline:
    timeline = Timeline()
    timeline.joined({}, ack(seq, rev))
    return timeline


# ---- what is true ------------------------------------------------------------------------------------------------


def test_what_is_unread_is_what_came_after_the_mark_and_a_deleted_mention_counts_no_more() -> None:
    room = room_of(ada="owner", bob="member")
    for seq in (1, 2, 3):
        room.sent(message(seq, mentions=("bob", "nobody")))
    assert room.messages[0].mentions == ("bob",)
    assert room.unread("bob") == (0, 3, 3)
    assert room.unread("ada") == (3, 0, 0)
    room.deleted(room.messages[2])
    room.read("bob", 1)
    assert room.unread("bob") == (1, 2, 1)
    room.read("bob", 0)
    assert room.unread("bob") == (1, 2, 1)
    room.removed("bob")
    room.joined("bob")
    assert room.unread("bob") == (3, 0, 0)


def test_a_change_that_repeats_what_is_changes_nothing() -> None:
    room = room_of(ada="owner")
    room.sent(message(1))
    one = room.messages[0]
    assert [room.reacted(one, "ada", "x"), room.reacted(one, "ada", "x")] == [True, False]
    assert [room.unreacted(one, "ada", "x"), room.unreacted(one, "ada", "x")] == [True, False]
    assert [room.edited(one, "new"), room.edited(one, "new")] == [True, False]
    assert [room.deleted(one), room.deleted(one)] == [True, False]
    assert one.reactions == {}


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (lambda room: room.may_write("ada"), OK),
        (lambda room: room.may_write("mute"), {"muted"}),
        (lambda room: room.may_delete("mute", room.messages[1]), OK),
        (lambda room: room.may_edit("bob", room.messages[0]), {"forbidden"}),
        (lambda room: room.may_edit("mod", room.messages[0]), OK),
        (lambda room: room.may_moderate("mod", over="ada"), {"forbidden"}),
        (lambda room: room.may_moderate("mod", over="bob"), OK),
        (lambda room: room.may_own("mod"), {"forbidden"}),
        (lambda room: room.may_invite("bob", "bad"), {"banned"}),
        (lambda room: room.may_enter("bad"), {"banned"}),
        (lambda room: room.may_enter("new"), OK),
        (lambda room: room.may_mention("bob", ["room"]), {"forbidden"}),
        (lambda room: room.may_mention("mod", ["room"]), OK),
    ],
)
def test_who_may_do_what(allowed: Any, expected: frozenset[str]) -> None:
    room = room_of(ada="owner", mod="moderator", bob="member", mute="member")
    room.sent(message(1))
    room.sent(message(2, "mute"))
    room.muted.add("mute")
    room.banned_now("bad")
    assert allowed(room) == expected


def test_an_owner_who_hands_over_becomes_a_moderator() -> None:
    room = room_of(ada="owner", bob="member")
    room.given_role("ada", "bob", "owner")
    assert (room.members["ada"].role, room.members["bob"].role) == ("moderator", "owner")


def test_a_rev_or_a_seq_that_was_given_before_is_refused() -> None:
    room = room_of(ada="owner")
    room.sent(message(1))
    room.changed(room.messages[0], 3)
    with pytest.raises(AssertionError):
        room.changed(room.messages[0], 3)
    with pytest.raises(AssertionError):
        room.sent(message(1))


# ---- what a connection is told -----------------------------------------------------------------------------------


def test_a_stream_in_order_has_no_fault_and_no_difference() -> None:
    room, timeline = room_of(ada="owner"), joined()
    for seq in (1, 2):
        room.sent(message(seq))
        timeline.told("receiveMessage", shown(room.messages[-1]))
    room.edited(room.messages[0], "new")
    room.changed(room.messages[0], 1)
    timeline.told("messageEdited", {"rev": 1, "message": shown(room.messages[0])})
    assert timeline.differences(room) == []
    room.deleted(room.messages[1])
    room.changed(room.messages[1], 4)
    assert len(timeline.differences(room)) == 2, "the change, and the message that it changed"
    timeline.left()
    timeline.joined({"since": 2, "sinceRev": 1}, ack(2, 4, changes=[{"rev": 4, "message": shown(room.messages[1])}]))
    assert timeline.differences(room) == []


@pytest.mark.parametrize(
    "seqs", [(1, 1), (2,), (1, 3), (1, 2, 1)], ids=["twice", "a gap at once", "a gap later", "an old one"]
)
def test_a_message_out_of_order_is_a_fault(seqs: tuple[int, ...]) -> None:
    timeline = joined()
    for seq in seqs:
        timeline.told("receiveMessage", shown(message(seq)))
    assert len(timeline.faults) == 1


def test_a_change_out_of_order_or_of_an_older_message_is_a_fault() -> None:
    timeline = joined(seq=1, rev=5)
    timeline.told("messageEdited", {"rev": 6, "message": shown(message(1, rev=6))})
    timeline.told("messageEdited", {"rev": 6, "message": shown(message(1, rev=6))})
    timeline.told("reactionUpdated", {"rev": 7, "message": shown(message(1, rev=6))})
    assert len(timeline.faults) == 2


def test_what_comes_after_the_end_of_a_membership_is_a_fault() -> None:
    timeline = joined()
    timeline.told("roomClosed", {"reason": "removed"})
    assert timeline.faults == []
    timeline.told("receiveMessage", shown(message(1)))
    timeline.told("messageEdited", {"rev": 1, "message": shown(message(1, rev=1))})
    assert len(timeline.faults) == 2


def test_a_resume_that_lacks_a_message_is_a_fault() -> None:
    timeline = joined(seq=1)
    assert timeline.resume_from() == {"since": 1, "sinceRev": 0}
    timeline.joined({"since": 1, "sinceRev": 0}, ack(3, 0, missed=(message(3),)))
    assert len(timeline.faults) == 1


def test_a_message_that_was_not_told_is_a_difference() -> None:
    room, timeline = room_of(ada="owner"), joined()
    room.sent(message(1))
    assert timeline.differences(room) == ["seq 0, not 1", "no message 1"]


def test_a_message_as_shown_is_seen_as_the_model_has_it() -> None:
    one = message(1, rev=2, reactions={"x": ["ada", "bob"]}, is_edited=True, mentions=("bob",))
    assert as_seen(shown(one)) == one.seen()


def test_every_row_needs_an_operation_of_the_product_and_has_a_name_of_its_own() -> None:
    assert len({row.name for row in OPERATIONS}) == len(OPERATIONS)
    assert {row.needs for row in OPERATIONS} & served_operations()

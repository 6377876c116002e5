"""What is true after an operation of the conversation model, and what its reply must say. Pure."""

from __future__ import annotations

from typing import Any

from tests.support.conversation.model import EVERYBODY, Message, Room, as_seen
from tests.support.conversation.operation import Choice


def same(message: Message, data: Any) -> None:
    """The reply has the message as the model has it."""
    assert as_seen(data) == message.seen(), f"{as_seen(data)}, not {message.seen()}"


def sent(choice: Choice, data: Any) -> None:
    _sent(choice.room, data["message"])


def _sent(room: Room, data: Any) -> None:
    message = Message(
        data["seq"],
        data["id"],
        data["userId"],
        data["content"],
        data["clientId"],
        mentions=tuple(data["mentions"]),
        reply_to=data["replyToId"],
        thread=data["threadId"],
    )
    room.sent(message)
    same(message, data)


def sent_with(choice: Choice, data: Any) -> None:
    """Sent with a mention, a reply or a thread: the reply must say so."""
    sent(choice, data)
    message, act = choice.room.messages[-1], choice.act
    if act.operation == "mention":
        is_told = act.value == EVERYBODY or act.value in choice.room.members
        assert message.mentions == ((act.value,) if is_told else ()), message.mentions
    elif act.operation == "reply":
        assert message.reply_to == choice.message.id
    else:
        assert message.thread == choice.message.id


def sent_both(choice: Choice, data: Any) -> None:
    for one in sorted(data, key=lambda one: int(one["message"]["seq"])):
        _sent(choice.room, one["message"])


def resent(choice: Choice, data: Any) -> None:
    assert data["duplicate"] is True
    same(choice.message, data["message"])


def read(choice: Choice, data: Any) -> None:
    choice.room.read(choice.act.user, choice.act.value)
    told = data["readSeq"], data["unreadCount"], data["mentionCount"]
    assert told == choice.room.unread(choice.act.user), f"{told}, not {choice.room.unread(choice.act.user)}"


def changing(change: Any) -> Any:
    """After a change of the chosen message, that `change` makes in the model and that may change nothing."""

    def apply(choice: Choice, data: Any) -> None:
        if change(choice):
            choice.room.changed(choice.message, data["message"]["rev"])
        same(choice.message, data["message"])

    return apply


def reacted_both(choice: Choice, data: Any) -> None:
    """Each of both may have an entry of its own, or both one."""
    room, message = choice.room, choice.message
    changed = [room.reacted(message, user, choice.act.value) for user in (choice.act.user, choice.act.other)]
    before = message.rev
    for rev in sorted({one["message"]["rev"] for one in data} - {before} if any(changed) else ()):
        room.changed(message, rev)
    newest = max((one["message"] for one in data), key=lambda one: int(one["rev"]))
    same(message, newest)


def joined(choice: Choice, data: Any) -> None:
    choice.room.joined(choice.act.user)


def invited(choice: Choice, data: Any) -> None:
    choice.room.joined(choice.act.other)


def has_left(choice: Choice, data: Any) -> None:
    choice.room.removed(choice.act.user)
    roles = {one["userId"]: one["role"] for one in data["members"]}
    assert set(roles) == set(choice.room.members), roles
    assert list(roles.values()).count("owner") == 1, roles
    for user, member in choice.room.members.items():
        assert roles[user] in (member.role, "owner"), roles
        member.role = roles[user]


def muted(choice: Choice, data: Any) -> None:
    if choice.act.value is None:
        choice.room.muted.discard(choice.act.other)
    else:
        choice.room.muted.add(choice.act.other)


def patched(choice: Choice, data: Any) -> None:
    (name, value), room = choice.act.value, choice.room
    shown = {**data["room"], "archived": data["room"]["archivedAt"] is not None}
    assert shown[name] == value, data
    setattr(room, {"name": "name", "isPrivate": "is_private", "archived": "is_archived"}[name], value)


def gone(choice: Choice, data: Any) -> None:
    choice.room.is_deleted = True


def nothing(choice: Choice, data: Any) -> None:
    """It leaves everything as it was."""


def sent_to_all(choice: Choice, data: Any) -> None:
    sent(choice, data)
    assert choice.room.messages[-1].mentions == (EVERYBODY,)


def has_removed(choice: Choice, data: Any) -> None:
    choice.room.removed(choice.act.other)


def has_banned(choice: Choice, data: Any) -> None:
    choice.room.banned_now(choice.act.other)


def has_unbanned(choice: Choice, data: Any) -> None:
    choice.room.banned.discard(choice.act.other)


def given_role(choice: Choice, data: Any) -> None:
    choice.room.given_role(choice.act.user, choice.act.other, choice.act.value)


def has_cut(choice: Choice, data: Any) -> None:
    choice.conversation.cut_off.add(choice.act.process)


def has_restored(choice: Choice, data: Any) -> None:
    choice.conversation.cut_off.clear()

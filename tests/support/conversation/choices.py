"""What the operations of the conversation model are done to, and what is expected where the model needs two looks."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.conversation.model import OK, Message
from tests.support.conversation.operation import Choice


def messages(choice: Choice) -> Sequence[Message]:
    return choice.room.messages


def standing(choice: Choice) -> Sequence[Message]:
    """Messages that are not deleted."""
    return [one for one in choice.room.messages if not one.is_deleted]


def own(choice: Choice) -> Sequence[Message]:
    return [one for one in choice.room.messages if one.author == choice.act.user]


def roots(choice: Choice) -> Sequence[Message]:
    return [one for one in standing(choice) if one.thread is None]


def others(choice: Choice) -> Sequence[str]:
    return [one for one in choice.conversation.people if one != choice.act.user]


def other_members(choice: Choice) -> Sequence[str]:
    return [one for one in choice.room.members if one != choice.act.user]


def banned(choice: Choice) -> Sequence[str]:
    return sorted(choice.room.banned)


def is_open(choice: Choice) -> bool:
    return not choice.room.is_archived


def anybody(choice: Choice) -> frozenset[str]:
    return OK


def may_both(choice: Choice) -> frozenset[str]:
    first, second = (choice.room.may_write(user) for user in (choice.act.user, choice.act.other))
    return ((first | second) - OK) or OK


def may_settle(choice: Choice) -> frozenset[str]:
    """Of an archived room nothing can be changed but that it is."""
    allowed = choice.room.may_moderate(choice.act.user)
    is_kept = choice.room.is_archived and choice.act.value[0] != "archived"
    return frozenset({"forbidden"}) if allowed == OK and is_kept else allowed


def may_leave(choice: Choice) -> frozenset[str]:
    """Who has left already may be told so as well by a process that was cut off: it leaves nothing to do."""
    allowed = choice.room.may_read(choice.act.user)
    return allowed if choice.room.is_deleted else allowed | OK

"""What is true of a conversation: its rooms, members and messages after a list of operations. Pure; knows no server.

The rules are the contract's. Where a person may not do something for two reasons, or a process may still know them by
another reason, several refusals are right: an expectation is the set of right outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

OK = frozenset({"ok"})
# A process that was cut off may know for some seconds what was true before: member of a public room, of a private one.
OUTSIDE = frozenset({"not_member", "room_not_found", "message_not_found", "banned"})
GONE = frozenset({"room_not_found", "message_not_found"})
RANKS = {"member": 1, "moderator": 2, "owner": 3}
EVERYBODY = "room"  # the mention of all members


class Message(Struct):
    """One message as it now is. `rev` is what the server gave its last change."""

    seq: int
    id: str
    author: str
    content: str | None
    client_id: str
    mentions: tuple[str, ...] = ()
    reply_to: str | None = None
    thread: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    rev: int = 0
    is_edited: bool = False
    is_deleted: bool = False

    def seen(self) -> dict[str, Any]:
        """What clients must see of it: see `as_seen`."""
        seen: dict[str, Any] = {
            "id": self.id,
            "seq": self.seq,
            "rev": self.rev,
            "userId": self.author,
            "content": self.content,
            "replyToId": self.reply_to,
            "threadId": self.thread,
            "deleted": self.is_deleted,
        }
        if not self.is_deleted:
            seen["edited"] = self.is_edited
            seen["mentions"] = self.mentions
            seen["reactions"] = {emoji: (len(users), frozenset(users)) for emoji, users in self.reactions.items()}
        return seen


def as_seen(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message in the contract's shape, as `Message.seen` compares it."""
    seen = {name: message[name] for name in ("id", "seq", "rev", "userId", "content", "replyToId", "threadId")}
    seen["deleted"] = message["deletedAt"] is not None
    if not seen["deleted"]:
        seen["edited"] = message["editedAt"] is not None
        seen["mentions"] = tuple(sorted(message["mentions"]))
        seen["reactions"] = {
            emoji: (one["count"], frozenset(one["userIds"])) for emoji, one in message["reactions"].items()
        }
    return seen


class Member(Struct):
    """One person's state in one room."""

    role: str
    read_seq: int


class Room(Struct):
    """One room. `change_revs`: the revs of its changes of messages, ascending."""

    id: str
    name: str
    is_private: bool
    max_users: int
    members: dict[str, Member]
    messages: list[Message] = field(default_factory=list)
    banned: set[str] = field(default_factory=set)
    muted: set[str] = field(default_factory=set)  # who leaves and comes back is muted still
    change_revs: list[int] = field(default_factory=list)
    is_archived: bool = False
    is_deleted: bool = False

    @property
    def last_seq(self) -> int:
        return len(self.messages)

    def rank(self, user: str) -> int:
        member = self.members.get(user)
        return 0 if member is None else RANKS[member.role]

    def replies(self, root: Message) -> list[Message]:
        return [one for one in self.messages if one.thread == root.id]

    def unread(self, user: str) -> tuple[int, int, int]:
        """readSeq, unreadCount and mentionCount of a member."""
        read = self.members[user].read_seq
        mentioned = sum(
            not one.is_deleted and bool({user, EVERYBODY} & set(one.mentions)) for one in self.messages[read:]
        )
        return read, self.last_seq - read, mentioned

    # ---- who may do what -----------------------------------------------------------------------------------------

    def may_read(self, user: str) -> frozenset[str]:
        if self.is_deleted:
            return GONE
        return OK if user in self.members else OUTSIDE

    def may_write(self, user: str) -> frozenset[str]:
        if (outcome := self.may_read(user)) != OK:
            return outcome
        return _refusals(muted=user in self.muted, forbidden=self.is_archived)

    def may_mention(self, user: str, mentions: Iterable[str]) -> frozenset[str]:
        is_refused = EVERYBODY in mentions and self.rank(user) < RANKS["moderator"]
        return _both(self.may_write(user), _refusals(forbidden=is_refused))

    def may_edit(self, user: str, message: Message) -> frozenset[str]:
        is_other = message.author != user and self.rank(user) < RANKS["moderator"]
        allowed = _both(self.may_write(user), _refusals(forbidden=is_other))
        return _both(allowed, _refusals(message_not_found=message.is_deleted))

    def may_delete(self, user: str, message: Message) -> frozenset[str]:
        is_other = message.author != user and self.rank(user) < RANKS["moderator"]
        return _both(self.may_read(user), _refusals(forbidden=is_other))

    def may_react(self, user: str, message: Message) -> frozenset[str]:
        return _both(self.may_write(user), _refusals(message_not_found=message.is_deleted))

    def may_join(self, user: str) -> frozenset[str]:
        if self.is_deleted:
            return GONE
        if user in self.members:
            return OK
        refusals = _refusals(banned=user in self.banned, room_full=self._is_full, forbidden=self.is_archived)
        if self.is_private:
            return (refusals - OK) | OUTSIDE
        return refusals | OUTSIDE if refusals != OK and user in self.banned else refusals

    def may_enter(self, user: str) -> frozenset[str]:
        """With an invite link, which opens private rooms too."""
        if self.is_deleted:
            return GONE
        if user in self.members:
            return OK | {"forbidden"} if self.is_archived else OK
        return _refusals(banned=user in self.banned, room_full=self._is_full, forbidden=self.is_archived)

    def may_invite(self, user: str, target: str) -> frozenset[str]:
        if (outcome := self.may_read(user)) != OK:
            return outcome
        is_new = target not in self.members
        return _refusals(
            forbidden=(self.is_private and self.rank(user) < RANKS["moderator"]) or self.is_archived,
            banned=target in self.banned,
            room_full=is_new and self._is_full,
        )

    def may_moderate(self, user: str, *, over: str | None = None) -> frozenset[str]:
        if (outcome := self.may_read(user)) != OK:
            return outcome
        is_over = over is None or self.rank(user) > self.rank(over)
        return _refusals(forbidden=self.rank(user) < RANKS["moderator"] or not is_over)

    def may_own(self, user: str) -> frozenset[str]:
        return _both(self.may_moderate(user), _refusals(forbidden=self.rank(user) < RANKS["owner"]))

    @property
    def _is_full(self) -> bool:
        return len(self.members) >= self.max_users

    # ---- what happens --------------------------------------------------------------------------------------------

    def joined(self, user: str) -> None:
        self.members.setdefault(user, Member("member", self.last_seq))

    def sent(self, message: Message) -> None:
        """A message that the server stored under the next seq. Who is no member is not mentioned."""
        assert message.seq == self.last_seq + 1, f"seq {message.seq} after {self.last_seq}"
        message.mentions = tuple(sorted(one for one in message.mentions if one in self.members or one == EVERYBODY))
        self.messages.append(message)
        self.read(message.author, message.seq)

    def read(self, user: str, seq: int) -> None:
        member = self.members[user]
        member.read_seq = max(member.read_seq, min(seq, self.last_seq))

    def changed(self, message: Message, rev: int) -> None:
        """The server gave this change of the message its rev, which must be beyond all that it gave before."""
        assert rev > max(self.change_revs, default=0), f"rev {rev} after {self.change_revs}"
        self.change_revs.append(rev)
        message.rev = rev

    def edited(self, message: Message, content: str) -> bool:
        """Returns whether that changed anything."""
        if message.content == content:
            return False
        message.content, message.is_edited = content, True
        return True

    def deleted(self, message: Message) -> bool:
        if message.is_deleted:
            return False
        message.content, message.is_deleted = None, True
        return True

    def reacted(self, message: Message, user: str, emoji: str) -> bool:
        if user in message.reactions.get(emoji, ()):
            return False
        message.reactions.setdefault(emoji, []).append(user)
        return True

    def unreacted(self, message: Message, user: str, emoji: str) -> bool:
        if user not in message.reactions.get(emoji, ()):
            return False
        message.reactions[emoji].remove(user)
        if not message.reactions[emoji]:
            del message.reactions[emoji]
        return True

    def removed(self, user: str) -> None:
        self.members.pop(user, None)

    def banned_now(self, user: str) -> None:
        self.removed(user)
        self.banned.add(user)

    def given_role(self, by: str, user: str, role: str) -> None:
        if role == "owner":
            self.members[by].role = "moderator"
        self.members[user].role = role


class Conversation(Struct):
    """All rooms of a conversation, who takes part, and which processes are cut off from the others."""

    people: list[str]
    rooms: list[Room] = field(default_factory=list)
    cut_off: set[int] = field(default_factory=set)

    def rooms_of(self, user: str) -> list[Room]:
        return [room for room in self.rooms if user in room.members and not room.is_deleted]


def _refusals(**reasons: bool) -> frozenset[str]:
    """The codes whose reason holds, any of which is right; OK if none does."""
    return frozenset(code for code, holds in reasons.items() if holds) or OK


def _both(first: frozenset[str], second: frozenset[str]) -> frozenset[str]:
    """OK if both are, else what either refuses with."""
    return ((first | second) - OK) or OK

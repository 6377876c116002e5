"""Operations of the changes log on messages: edit, delete, react. Each asks the rules of the room within the batch."""

from __future__ import annotations

from typing import Any

from store.audit_notes import message_note
from store.errors import Missing, TooManyKinds
from store.ids import message_id
from store.models import (
    REACTION_KINDS_MAX,
    REACTION_USERS_NAMED,
    Actor,
    AuditAction,
    AuditNote,
    MessageChange,
    Role,
)
from store.mongo.database import Document, epoch_ms, unset
from store.mongo.documents import folded, message_from, room_from
from store.mongo.room_at_rev import ReactionKey, ReactionPatch, ReadSet, RoomView
from store.room_rules import (
    ActorInRoom,
    require_author_or_moderator,
    require_editor,
    require_reactor,
    require_sees_message,
)


class Edit:
    """The change that replaces a message's content."""

    def __init__(self, seq: int, content: str, actor: Actor) -> None:
        self._seq = seq
        self._content = content
        self._actor = actor
        self.read_set = ReadSet(seqs=(seq,), members=(actor.user_id,))

    async def run(self, view: RoomView) -> MessageChange:
        """Raises Missing("message"), Refused."""
        message, of = view.message(self._seq), actor_in_room(view, self._actor)
        require_editor(
            of.room,
            self._actor,
            of.role,
            author_id=message["userId"],
            muted_until_ms=of.muted_until_ms,
            now_ms=int(view.now),
        )
        _require_undeleted(message)
        if message["content"] == self._content:
            return MessageChange(message_from(message), False)
        words = {"content": self._content, "folded": folded(self._content)}
        edited = unset({**message, **words, "editedAt": view.now, "rev": view.next_rev})
        note = _note(view, message, self._actor, AuditAction.MESSAGE_EDITED)
        view.record(message=edited, replaced=message["content"], audit=note)
        return MessageChange(message_from(edited), True)


class Delete:
    """The change that removes a message's content and keeps its seq."""

    def __init__(self, seq: int, actor: Actor) -> None:
        self._seq = seq
        self._actor = actor
        self.read_set = ReadSet(seqs=(seq,), members=(actor.user_id,))

    async def run(self, view: RoomView) -> MessageChange:
        """Raises Missing("message"), Refused."""
        message, of = view.message(self._seq), actor_in_room(view, self._actor)
        require_author_or_moderator(self._actor, of.role, author_id=message["userId"])
        if "deletedAt" in message:
            return MessageChange(message_from(message), False)
        files = [file["_id"] for file in message.get("attachments", ())]
        taken = ("content", "folded", "attachments", "mentions", "reactions")
        deleted = {name: value for name, value in message.items() if name not in taken}
        deleted |= {"deletedAt": view.now, "rev": view.next_rev}
        note = _note(view, message, self._actor, AuditAction.MESSAGE_DELETED)
        view.record(message=deleted, withdrawn=files, audit=note)
        return MessageChange(message_from(deleted), True)


class React:
    """The change that adds or removes one reaction."""

    def __init__(self, seq: int, emoji: str, actor: Actor, *, on: bool) -> None:
        self._key = key = ReactionKey(seq, emoji, actor.user_id)
        self._actor = actor
        self._on = on
        self.read_set = ReadSet(seqs=(seq,), members=(actor.user_id,), reaction_keys=(key,))

    async def run(self, view: RoomView) -> MessageChange:
        """Raises Missing("message"), Refused, TooManyKinds."""
        message, of = view.message(self._key.seq), actor_in_room(view, self._actor)
        require_reactor(of.room, of.role, on=self._on, muted_until_ms=of.muted_until_ms, now_ms=int(view.now))
        _require_undeleted(message)
        if view.has_reacted(self._key) == self._on:
            return MessageChange(message_from(message), False)
        reactions = {reaction["emoji"]: reaction for reaction in message.get("reactions", ())}
        changed = self._with_reaction(reactions) if self._on else await self._without_reaction(view, reactions)
        steps = [ReactionPatch(self._key, self._on)]
        after = {**message, "reactions": list(changed.values())}
        if not changed:
            del after["reactions"]
        if not view.fold(after, steps):
            after["rev"] = view.next_rev
            view.record(message=after, reactions=steps)
        return MessageChange(message_from(after), True)

    def _with_reaction(self, reactions: dict[str, Document]) -> dict[str, Document]:
        emoji, user_id = self._key.emoji, self._key.user_id
        if emoji not in reactions and len(reactions) >= REACTION_KINDS_MAX:
            raise TooManyKinds
        before: Document = reactions.get(emoji, {"emoji": emoji, "count": 0, "userIds": []})
        named = before["userIds"]
        if len(named) < REACTION_USERS_NAMED:
            named = [*named, user_id]
        return {**reactions, emoji: {"emoji": emoji, "count": before["count"] + 1, "userIds": named}}

    async def _without_reaction(self, view: RoomView, reactions: dict[str, Document]) -> dict[str, Document]:
        emoji, user_id = self._key.emoji, self._key.user_id
        before = reactions[emoji]
        count = before["count"] - 1
        if not count:
            return {name: reaction for name, reaction in reactions.items() if name != emoji}
        named: list[Any] = [one for one in before["userIds"] if one != user_id]
        if len(named) < min(count, REACTION_USERS_NAMED):
            # A named user is removed and there are more: the next one is in the reactions collection only.
            named = [one for one in await view.first_reactors(self._key, REACTION_USERS_NAMED + 1) if one != user_id]
        return {**reactions, emoji: {"emoji": emoji, "count": count, "userIds": named[:REACTION_USERS_NAMED]}}


def actor_in_room(view: RoomView, actor: Actor) -> ActorInRoom:
    """Raises Missing("message") to whom the room is hidden."""
    member = view.member(actor.user_id)
    role = None if member is None else Role(member["role"])
    room = room_from(view.room)
    require_sees_message(room, actor, role)
    return ActorInRoom(room, role, None if member is None else epoch_ms(member.get("mutedUntil")))


def _note(view: RoomView, message: Document, actor: Actor, action: AuditAction) -> AuditNote | None:
    place = message_id(view.room["_id"], message["seq"])
    return message_note(actor, action, message_id=place, author_id=message["userId"])


def _require_undeleted(message: Document) -> None:
    """Raises Missing("message")."""
    if "deletedAt" in message:
        raise Missing("message")

"""Operations of the changes log on messages: edit, delete, react."""

from __future__ import annotations

from typing import Any

from store.errors import Missing, TooManyKinds
from store.models import REACTION_KINDS_MAX, REACTION_USERS_NAMED, MessageChange
from store.mongo.database import Document
from store.mongo.documents import message_from
from store.mongo.room_at_rev import ReactionKey, ReactionPatch, ReadSet, RoomView


class Edit:
    """The change that replaces a message's content."""

    def __init__(self, seq: int, content: str) -> None:
        self._seq = seq
        self._content = content
        self.read_set = ReadSet(seqs=(seq,))

    async def run(self, view: RoomView) -> MessageChange:
        """Raises Missing("message")."""
        message = _require_undeleted(view, self._seq)
        if message["content"] == self._content:
            return MessageChange(message_from(message), False)
        edited = {**message, "content": self._content, "editedAt": view.now, "rev": view.next_rev}
        view.record(message=edited)
        return MessageChange(message_from(edited), True)


class Delete:
    """The change that removes a message's content and keeps its seq."""

    def __init__(self, seq: int) -> None:
        self._seq = seq
        self.read_set = ReadSet(seqs=(seq,))

    async def run(self, view: RoomView) -> MessageChange:
        """Raises Missing("message")."""
        message = view.message(self._seq)
        if "deletedAt" in message:
            return MessageChange(message_from(message), False)
        files = [file["_id"] for file in message.get("attachments", ())]
        taken = ("content", "attachments", "mentions", "reactions")
        deleted = {name: value for name, value in message.items() if name not in taken}
        deleted |= {"deletedAt": view.now, "rev": view.next_rev}
        view.record(message=deleted, withdrawn=files)
        return MessageChange(message_from(deleted), True)


class React:
    """The change that adds or removes one reaction."""

    def __init__(self, key: ReactionKey, *, on: bool) -> None:
        self._key = key
        self._on = on
        self.read_set = ReadSet(seqs=(key.seq,), reaction_keys=(key,))

    async def run(self, view: RoomView) -> MessageChange:
        """Raises Missing("message"), TooManyKinds."""
        message = _require_undeleted(view, self._key.seq)
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


def _require_undeleted(view: RoomView, seq: int) -> Document:
    """The message. Raises Missing("message") also for a deleted one."""
    message = view.message(seq)
    if "deletedAt" in message:
        raise Missing("message")
    return message

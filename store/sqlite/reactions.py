"""Reactions: all that one commit writes to a message are one entry in the changes log.

A popular message gets hundreds of them in a second, and each entry is sent to everybody in the room.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw
from msgspec import Struct

from store.errors import Missing, StoreError, TooManyKinds
from store.models import REACTION_KINDS_MAX, REACTION_USERS_NAMED, Actor, Message, MessageChange, Reaction
from store.room_rules import ActorInRoom, require_reactor
from store.sqlite.changed_messages import StoredMessage, actor_in_room, stored_message, write_change
from store.sqlite.changes import head_rev
from store.sqlite.rows import fetch

_ADD = "INSERT OR IGNORE INTO reactions (room_id, seq, emoji, user_id, created_at) VALUES (?, ?, ?, ?, ?)"
_REMOVE = "DELETE FROM reactions WHERE room_id = ? AND seq = ? AND emoji = ? AND user_id = ?"
_REACTORS = """
SELECT user_id FROM reactions WHERE room_id = ? AND seq = ? AND emoji = ? ORDER BY created_at, user_id LIMIT ?"""
_COUNT = "SELECT count(*) FROM reactions WHERE room_id = ? AND seq = ? AND emoji = ?"


class ReactRequest(Struct, frozen=True):
    """One call of store.contract.Messages.react."""

    message_id: str
    emoji: str
    actor: Actor
    on: bool


class ReactTransaction:
    """The reactions of one transaction, for one `run`. A request is refused before it writes: there is no savepoint."""

    def __init__(self, connection: apsw.Connection, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._messages: dict[str, StoredMessage] = {}
        self._actors: dict[tuple[str, str], ActorInRoom] = {}
        self._reactions: dict[str, dict[str, Reaction]] = {}  # by message id, of those that change

    def run(self, requests: Sequence[ReactRequest]) -> list[MessageChange | StoreError]:
        """Write all. Returns the outcome of each, in order, with the message as the whole transaction leaves it."""
        outcomes: list[bool | StoreError] = []
        for request in requests:
            try:
                outcomes.append(self._react(request))
            except StoreError as error:
                outcomes.append(error)
        after = {message_id: self._write(message_id) for message_id in self._reactions}
        return [
            outcome
            if isinstance(outcome, StoreError)
            else MessageChange(after.get(request.message_id, self._messages[request.message_id].message), outcome)
            for request, outcome in zip(requests, outcomes, strict=True)
        ]

    def _react(self, request: ReactRequest) -> bool:
        """Write one reaction's row. Returns whether that changed anything. Raises StoreError before it writes."""
        message = self._allowed(request)
        emoji, user_id = request.emoji, request.actor.user_id
        before = self._reactions.get(request.message_id, message.reactions)
        key = (message.room_id, message.seq, emoji, user_id)
        if request.on:
            if emoji not in before and len(before) >= REACTION_KINDS_MAX:
                raise TooManyKinds
            self._connection.execute(_ADD, (*key, self._now_ms))
        else:
            self._connection.execute(_REMOVE, key)
        if not self._connection.changes():
            return False
        self._reactions[request.message_id] = (
            _with_reaction(before, emoji, user_id) if request.on else self._without_reaction(before, message, request)
        )
        return True

    def _allowed(self, request: ReactRequest) -> Message:
        """The message, as it was before. Raises Missing("message"), Refused."""
        stored = self._messages.get(request.message_id)
        if stored is None:
            stored = self._messages[request.message_id] = stored_message(self._connection, request.message_id)
        message, actor = stored.message, request.actor
        who = (message.room_id, actor.user_id)
        of = self._actors.get(who)
        if of is None:
            of = self._actors[who] = actor_in_room(self._connection, *who)
        require_reactor(of.room, of.role, on=request.on, muted_until_ms=of.muted_until_ms, now_ms=self._now_ms)
        if message.deleted_at is not None:
            raise Missing("message")
        return message

    def _without_reaction(
        self, before: dict[str, Reaction], message: Message, request: ReactRequest
    ) -> dict[str, Reaction]:
        emoji, user_id = request.emoji, request.actor.user_id
        key = (message.room_id, message.seq, emoji)
        (count,) = fetch(self._connection, _COUNT, key)[0]
        if not count:
            return {name: reaction for name, reaction in before.items() if name != emoji}
        named = tuple(one for one in before[emoji].user_ids if one != user_id)
        if len(named) < min(count, REACTION_USERS_NAMED):
            # A named user is removed and there are more: the next one is in the reactions table only.
            named = tuple(row[0] for row in fetch(self._connection, _REACTORS, (*key, REACTION_USERS_NAMED)))
        return {**before, emoji: Reaction(count, named)}

    def _write(self, message_id: str) -> Message:
        stored = self._messages[message_id]
        rev = head_rev(self._connection, stored.message.room_id) + 1
        change = write_change(self._connection, stored, self._now_ms, rev=rev, reactions=self._reactions[message_id])
        return change.message


def _with_reaction(before: dict[str, Reaction], emoji: str, user_id: str) -> dict[str, Reaction]:
    reaction = before.get(emoji, Reaction(0, ()))
    named = reaction.user_ids if len(reaction.user_ids) >= REACTION_USERS_NAMED else (*reaction.user_ids, user_id)
    return {**before, emoji: Reaction(reaction.count + 1, named)}

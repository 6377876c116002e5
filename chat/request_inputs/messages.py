"""What clients send about messages: WebSocket commands, REST bodies and queries."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from chat.request_inputs.fields import ClientId, Content, Emoji, Id, Input, Limit, Seq


class SendMessage(Input, frozen=True):
    """Also the body of POST /messages."""

    room_id: Id
    content: Content
    client_id: ClientId | None = None
    reply_to_id: Id | None = None
    thread_id: Id | None = None
    attachments: Annotated[tuple[Id, ...], Meta(max_length=10)] | None = None
    mentions: Annotated[tuple[Id, ...], Meta(max_length=50)] | None = None


class MessageContent(Input, frozen=True):
    """The body of PATCH /messages/{id}."""

    content: Content


class EditMessage(MessageContent, frozen=True):
    message_id: Id


class OneMessage(Input, frozen=True):
    message_id: Id


class OneEmoji(Input, frozen=True):
    """The last part of the path of a reaction."""

    emoji: Emoji


class OneReaction(OneEmoji, frozen=True):
    message_id: Id


class History(Input, frozen=True):
    room_id: Id
    limit: Limit = 50
    before: Seq | None = None
    after: Seq | None = None
    expand: Literal["author"] | None = None


class ThreadPart(Input, frozen=True):
    after: Seq = 0
    limit: Limit = 50


class ChangesSince(Input, frozen=True):
    since: Seq = 0
    limit: Limit = 50

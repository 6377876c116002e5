"""The WebSocket commands: a table from a command's name to its form, its decoder and its method.

What a command takes and returns is in command_forms.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import UNSET, Struct

from chat.administrators import Administrators
from chat.codec import Codec, Decoder, Envelope
from chat.connections.authentication import ConnectionAuthentication
from chat.connections.bot_commands import require_open_to_bot
from chat.connections.command_forms import COMMAND_FORMS, CommandForm
from chat.connections.connection_pool import Pool
from chat.connections.contract import ANSWERED
from chat.connections.pending_send import PendingSend
from chat.connections.session import Session
from chat.delivery.joining import RoomJoiner
from chat.delivery.room_hub import Hub
from chat.errors import ChatError
from chat.message_changes import MessageChanges
from chat.messages import Messages
from chat.presence.presence import Presence
from chat.presence.typing_indicators import TypingIndicators
from chat.profiles import Profiles
from chat.read_marks import ReadMarks
from chat.request_context import RequestContext
from chat.request_inputs.connection import Authenticate, JoinRoom, MessageRead, OneRoom, UpdatePresence
from chat.request_inputs.fields import Input
from chat.request_inputs.messages import EditMessage, OneMessage, OneReaction, SendMessage
from chat.request_limits import RequestLimits
from chat.request_results.connection import HeartbeatAnswer
from chat.request_results.messages import ChangedMessage, PostedMessage
from chat.request_results.people import Authenticated
from chat.request_results.rooms import PresenceListing, RoomTotals
from chat.rooms import Rooms
from cluster.contract import Bus
from cluster.events import StatusChosen
from cluster.topics import EVERYONE
from common.rfc3339 import rfc3339
from limits.contract import Check
from limits.ip_addresses import address_check
from store.errors import StoreError
from store.models import Actor, ReadState, Standing


class Command(Struct, frozen=True):
    """One command: its form, the decoder of its data, and its method.

    `run(session, input, command id)` returns the result, None for an empty one, or ANSWERED if it has sent its ack.
    """

    form: CommandForm
    decoder: Decoder[Any]
    run: Callable[[Session, Any, str | None], Awaitable[object]]


class Commands:
    """Executes commands for sessions.

    A session whose outbox holds more than `outbox_half_bytes` waits with its next command.
    """

    def __init__(
        self,
        *,
        authentication: ConnectionAuthentication,
        profiles: Profiles,
        rooms: Rooms,
        messages: Messages,
        message_changes: MessageChanges,
        read_marks: ReadMarks,
        administrators: Administrators,
        joins: RoomJoiner,
        hub: Hub,
        presence: Presence,
        typing: TypingIndicators,
        limits: RequestLimits,
        codec: Codec,
        pool: Pool,
        bus: Bus,
        now_ms: Callable[[], int],
        outbox_half_bytes: int,
    ) -> None:
        self._authentication = authentication
        self._profiles = profiles
        self._rooms = rooms
        self._messages = messages
        self._message_changes = message_changes
        self._read_marks = read_marks
        self._administrators = administrators
        self._joins = joins
        self._hub = hub
        self._presence = presence
        self._typing = typing
        self._limits = limits
        self._pool = pool
        self._bus = bus
        self._now_ms = now_ms
        self._outbox_half_bytes = outbox_half_bytes
        decoders = {form.input: codec.decoder(form.input) for form in COMMAND_FORMS.values()}
        methods: Mapping[str, Callable[[Session, Any, str | None], Awaitable[object]]] = {
            "authenticate": self._authenticate,
            "joinRoom": self._join_room,
            "leaveRoom": self._leave_room,
            "sendMessage": self._send_message,
            "editMessage": self._edit_message,
            "deleteMessage": self._delete_message,
            "addReaction": self._add_reaction,
            "removeReaction": self._remove_reaction,
            "startTyping": self._start_typing,
            "stopTyping": self._stop_typing,
            "messageRead": self._message_read,
            "updatePresence": self._update_presence,
            "getPresence": self._get_presence,
            "getRoomStats": self._get_room_stats,
            "heartbeat": self._heartbeat,
        }
        self._table: Mapping[str, Command] = {
            name: Command(form, decoders[form.input], methods[name]) for name, form in COMMAND_FORMS.items()
        }

    def prepare(self, session: Session, envelope: Envelope) -> PendingSend | None:
        """Return a sendMessage that is admitted and well formed, None for all else, which `execute` decides."""
        if envelope.event != "sendMessage" or session.user is None or session.user.is_bot:
            return None
        command = self._table["sendMessage"]
        try:
            body = command.decoder.decode(envelope.data)
        except ChatError:
            return None
        context = _context_of(session)
        if not self._limits.admits_at_once(context, Check("messages", session.user_id), command.form.shed):
            return None
        return PendingSend(
            session=session, envelope=envelope, context=context, body=body, messages=self._messages, hub=self._hub
        )

    async def execute(self, session: Session, envelope: Envelope) -> object:
        """Execute a command and return its result (see Command.run). Raises ChatError, StoreError."""
        command = self._table.get(envelope.event)
        if session.user is None and envelope.event != "authenticate":
            await self.count_other(session)
            raise ChatError("unauthorized")
        if command is None:
            await self.count_other(session)
            raise ChatError("unknown_command")
        if command.form.limit is not None and session.user is not None:
            await self._limits.count(_context_of(session), Check(command.form.limit, session.user_id))
        self._limits.shed(command.form.shed)
        try:
            body = command.decoder.decode(envelope.data)
            if session.user is not None and session.user.is_bot:
                require_open_to_bot(session.user, envelope.event, body)
        except ChatError:
            if command.form.limit is None:
                await self.count_other(session)
            raise
        return await command.run(session, body, envelope.id)

    def name_of(self, event: str) -> str:
        """Return the name if it is a command's, else `unknown`: names that clients make up may not become labels."""
        return event if event in self._table else "unknown"

    def must_wait(self, session: Session) -> bool:
        """Whether the session's outbox is too full for another command."""
        return bool(session.link.outbox_bytes > self._outbox_half_bytes)

    async def count_other(self, session: Session) -> None:
        """Count a frame that has no limit of its own, or is no command. Raises ChatError rate_limited, unavailable."""
        if session.user is not None:
            check = Check("typing", session.user_id)
        else:
            check = address_check("anonymous", session.address)
        await self._limits.count(_context_of(session), check)

    def is_exempt(self, session: Session) -> bool:
        """Whether the whitelist exempts the session's user or address from limits."""
        return self._limits.is_exempt(_context_of(session))

    # ---- one method a command ------------------------------------------------------------------------------------

    async def _authenticate(self, session: Session, body: Authenticate, _: str | None) -> Authenticated:
        return await self._authentication.authenticate(session, body)

    async def _join_room(self, session: Session, body: JoinRoom, command_id: str | None) -> object:
        joined = await self._joins.join(session, body, command_id, admit=lambda: self._admit_to(body, session))
        session.rooms = session.rooms or {}
        session.rooms[joined.room_id] = joined.rev
        # Presence knows the membership already, unless the user's rooms could not be read.
        self._presence.began(joined.room_id, session.user_id, joined.rev)
        if not session.link.is_open:
            self._pool.forget_rooms(session)
        return ANSWERED

    async def _admit_to(self, body: JoinRoom, session: Session) -> Standing:
        try:
            standing = await self._rooms.standing(body.room_id, session.user_id)
            if standing.membership is None and session.user is not None and session.user.is_bot:
                raise ChatError("not_member")  # somebody has removed it
        except (ChatError, StoreError):
            await self.count_other(session)
            raise
        operation = "joins" if standing.membership is None else "resumes"  # `joins` counts new memberships only
        await self._limits.count(_context_of(session), Check(operation, session.user_id))
        await self._rooms.join(standing, session.user_id)
        return standing

    async def _leave_room(self, session: Session, body: OneRoom, _: str | None) -> None:
        if session.rooms is not None:
            session.rooms.pop(body.room_id, None)
        self._hub.leave(body.room_id, session)
        self._typing.stopped(body.room_id, session.user_id)

    async def _send_message(self, session: Session, body: SendMessage, _: str | None) -> PostedMessage:
        context = _context_of(session)
        counting = self._limits.count(context, Check("messages", session.user_id))
        return await self._messages.post_counted(context, body, counting=counting)

    async def _edit_message(self, session: Session, body: EditMessage, _: str | None) -> ChangedMessage:
        return await self._message_changes.edit(self._actor(session), body.message_id, body.content)

    async def _delete_message(self, session: Session, body: OneMessage, _: str | None) -> ChangedMessage:
        return await self._message_changes.delete(self._actor(session), body.message_id)

    async def _add_reaction(self, session: Session, body: OneReaction, _: str | None) -> ChangedMessage:
        return await self._message_changes.react(self._actor(session), body.message_id, body.emoji, on=True)

    async def _remove_reaction(self, session: Session, body: OneReaction, _: str | None) -> ChangedMessage:
        return await self._message_changes.react(self._actor(session), body.message_id, body.emoji, on=False)

    def _actor(self, session: Session) -> Actor:
        assert session.user is not None
        return self._administrators.actor(session.user)

    async def _start_typing(self, session: Session, body: OneRoom, _: str | None) -> None:
        assert session.user is not None
        await self._rooms.require_writer(body.room_id, session.user_id, now_ms=self._now_ms())
        self._typing.started(body.room_id, session.user)

    async def _stop_typing(self, session: Session, body: OneRoom, _: str | None) -> None:
        await self._rooms.read_by(body.room_id, session.user_id)
        self._typing.stopped(body.room_id, session.user_id)

    async def _message_read(self, session: Session, body: MessageRead, _: str | None) -> ReadState:
        return await self._read_marks.move(body.room_id, session.user_id, body.seq)

    async def _update_presence(self, session: Session, body: UpdatePresence, _: str | None) -> None:
        custom = False if body.custom_status is UNSET else body.custom_status
        chosen = await self._profiles.set_status(session.user_id, body.status, custom)
        self._bus.publish(
            EVERYONE, StatusChosen(session.user_id, chosen.status.value, self._now_ms(), chosen.status_rev)
        )

    async def _get_presence(self, session: Session, body: OneRoom, _: str | None) -> PresenceListing:
        await self._rooms.read_by(body.room_id, session.user_id)
        return self._presence.listing(body.room_id)

    async def _get_room_stats(self, session: Session, body: OneRoom, _: str | None) -> RoomTotals:
        return await self._rooms.stats(body.room_id, session.user_id)

    async def _heartbeat(self, session: Session, body: Input, _: str | None) -> HeartbeatAnswer:
        return HeartbeatAnswer(rfc3339(self._now_ms()))


def _context_of(session: Session) -> RequestContext:
    return RequestContext(session.address, "ws", session.user)

"""A sendMessage that waits for the store without a task: the command that comes most often, and that waits once.

A task would begin one loop turn late and end another one late; docs/decisions/0040 has what the turns cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chat.codec import Envelope
from chat.delivery.room_hub import Hub
from chat.errors import ChatError
from chat.messages import Messages
from chat.request_context import RequestContext
from chat.request_inputs.messages import SendMessage
from chat.request_results.messages import PostedMessage
from store.errors import StoreUnavailable

if TYPE_CHECKING:
    from chat.connections.session import Session


class PendingSend:
    """The author of a draft (chat/message_authors.py) on behalf of a session, which holds it until it is over."""

    __slots__ = ("_body", "_context", "_error", "_hub", "_messages", "_session", "envelope", "is_gone")

    def __init__(
        self,
        *,
        session: Session,
        envelope: Envelope,
        context: RequestContext,
        body: SendMessage,
        messages: Messages,
        hub: Hub,
    ) -> None:
        self._session = session
        self._context = context
        self._body = body
        self._messages = messages
        self._hub = hub
        self._error: Exception | None = None
        self.envelope = envelope
        self.is_gone = False  # the session has closed, or has answered already

    def begin(self) -> None:
        """Hand the draft over. The outcome may come before this returns."""
        try:
            self._messages.post_then(self._context, self._body, self)
        except StoreUnavailable as error:
            self._session.refuse_pending(error)

    def answer(self, outcome: PostedMessage | Exception) -> None:
        """Take the outcome of the draft. An ack waits for the uncorking, to be sent with the message."""
        if self.is_gone:
            return
        if isinstance(outcome, Exception):
            self._error = outcome
        elif (ack := self._session.succeeded(self.envelope, outcome)) is not None:
            self._hub.ack(self._session, ack)

    def resume(self) -> None:
        """Let the session go on. A refusal is explained in a task, for that may have to ask the store."""
        if self.is_gone:
            return
        error = self._error
        if error is None:
            self._session.end_pending()
        elif isinstance(error, ChatError):
            refused = error
            self._session.continue_pending(lambda: self._messages.explain(self._context, self._body, refused))
        else:
            self._session.refuse_pending(error)

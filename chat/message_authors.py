"""Who waits for the outcome of a message that was handed to the message writer."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from chat.request_results.messages import PostedMessage
from store.models import MessageDraft


class Author(Protocol):
    """Who waits for the outcome of a draft."""

    @property
    def is_gone(self) -> bool:
        """Whether the outcome is of no use any more: a draft that was not begun is dropped then."""

    def answer(self, outcome: PostedMessage | Exception) -> None:
        """Take the outcome: the stored message, ChatError or StoreError. Called once, while the delivery is corked."""

    def resume(self) -> None:
        """Go on: the message is delivered here, and the answer sent."""


class AwaitedAnswer:
    """The author is a coroutine that awaits `future`."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[PostedMessage]) -> None:
        self.future = future

    @property
    def is_gone(self) -> bool:
        return self.future.done()

    def answer(self, outcome: PostedMessage | Exception) -> None:
        if self.future.done():  # cancelled
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)

    def resume(self) -> None:
        """The coroutine goes on by itself."""


class Accepted:
    """An accepted draft. `at_ms` is when, in milliseconds of the wall clock, because the process that delivers the
    message compares it; `accepted_s` is the same moment on the loop's clock.
    """

    __slots__ = ("accepted_s", "at_ms", "author", "draft", "is_answered", "transport")

    def __init__(self, draft: MessageDraft, author: Author, transport: str, accepted_s: float) -> None:
        self.draft = draft
        self.author = author
        self.transport = transport
        self.accepted_s = accepted_s
        self.at_ms = time.time() * 1000
        self.is_answered = False

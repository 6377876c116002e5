"""What an operation of the conversation model is, and the choice of who does it, where and on what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from tests.support.conversation.clients import Clients, Outcome
from tests.support.conversation.model import Conversation, Message, Room

T = TypeVar("T")
EMOJIS = ("👍", "🎉", "e\u0301")
WORDS = ("one", "two", "three")


class Draw:
    """Chooses among what is possible. `choose` takes one of a sequence that is not empty."""

    def __init__(self, choose: Callable[[Sequence[Any]], Any]) -> None:
        self._choose = choose

    def one(self, among: Sequence[T]) -> T:
        chosen: T = self._choose(among)
        return chosen


class Act(Struct, frozen=True):
    """One operation as it was chosen. `on` is a message's seq, `other` another person, `value` what else it needs."""

    operation: str
    user: str
    process: int
    room: int = 0
    on: int = 0
    other: str = ""
    value: Any = None
    by_websocket: bool = False

    def describe(self, conversation: Conversation) -> str:
        """One line with short names, for the report of a failure."""
        numbers = {person: f"person{number}" for number, person in enumerate(conversation.people)}
        parts = [
            f"{numbers[self.user]} at {self.process}",
            f"room{self.room}",
            f"message {self.on}" if self.on else "",
            numbers.get(self.other, ""),
            "" if self.value is None else f"{numbers.get(self.value, self.value)!r}",
            "over WebSocket" if self.by_websocket else "",
        ]
        return f"{self.operation}: {', '.join(part for part in parts if part)}"


class Choice(Struct, frozen=True):
    """The conversation, and one act in it."""

    conversation: Conversation
    act: Act

    @property
    def room(self) -> Room:
        return self.conversation.rooms[self.act.room]

    @property
    def message(self) -> Message:
        return self.room.messages[self.act.on - 1]


class Operation(Struct, frozen=True, kw_only=True):
    """A row: when it is possible, what must come of it, how it is done, and what is true after it.

    `needs`: the operation of the product without which it is left out, as served_operations names it. `on`: the
    messages that it may be done to; `other`: the people; `value`: what else is chosen. `expect` returns the right
    outcomes; `apply` is called after an `ok` with the reply's data.
    """

    name: str
    needs: str
    expect: Callable[[Choice], frozenset[str]]
    do: Callable[[Clients, Choice], Awaitable[Outcome]]
    apply: Callable[[Choice, Any], None]
    is_possible: Callable[[Choice], bool] = lambda choice: True
    on: Callable[[Choice], Sequence[Message]] | None = None
    other: Callable[[Choice], Sequence[str]] | None = None
    value: Callable[[Choice], Sequence[Any]] | None = None
    weight: int = 1

    def choose(self, conversation: Conversation, draw: Draw) -> Act | None:
        """Choose who does it, where and on what. None where it is not possible now."""
        rooms = list(range(len(conversation.rooms)))
        act = Act(
            self.name,
            draw.one(conversation.people),
            draw.one((0, 1)),
            room=draw.one(rooms),
            by_websocket=draw.one((False, True)),
        )
        for name, options in (("on", self.on), ("other", self.other), ("value", self.value)):
            if options is None:
                continue
            among = options(Choice(conversation, act))
            if not among:
                return None
            chosen = draw.one(among)
            fields = {field: getattr(act, field) for field in Act.__struct_fields__}
            act = Act(**{**fields, name: chosen.seq if isinstance(chosen, Message) else chosen})
        return act if self.is_possible(Choice(conversation, act)) else None

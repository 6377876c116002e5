"""One random step, and a store on which it is taken."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from store.contract import Store
from store.errors import StoreError
from store.models import Actor

PEOPLE = 4


class Step(Struct, frozen=True):
    """What an operation is about, the same in both stores: numbers of people, rooms and messages, made modulo."""

    n: int
    who: int
    whom: int
    room: int
    message: int
    choice: int
    is_admin: bool
    now_ms: int


class World:
    """A store, and what was made in it: ids differ between the stores, so each has a name."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.people: list[str] = []
        self.rooms: list[str] = []
        self.direct_rooms: list[str] = []
        self.messages: list[str] = []
        self.webhooks: list[str] = []
        self.files: list[str] = []
        self._names: dict[str, str] = {}

    def made(self, things: list[str], thing_id: str, name: str) -> None:
        self._names[thing_id] = f"<{name}{len(things)}>"
        things.append(thing_id)

    def named(self, value: object) -> str:
        """The value as text, with names for ids."""
        ids = sorted(self._names, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, ids)), lambda found: self._names[found.group()], repr(value))

    def person(self, number: int) -> str:
        """A person, or a bot."""
        return self.people[number % len(self.people)]

    def actor(self, step: Step) -> Actor:
        return Actor(self.people[step.who % PEOPLE], step.is_admin)

    def room(self, step: Step) -> str:
        """Any room."""
        rooms = self.rooms + self.direct_rooms
        return rooms[step.room % len(rooms)]

    def common_room(self, step: Step) -> str:
        """A room that people join and leave, so no direct one."""
        return self.rooms[step.room % len(self.rooms)]

    def message(self, step: Step) -> str:
        return self.messages[step.message % len(self.messages)]

    async def outcome(self, operation: Operation, step: Step) -> str:
        try:
            return self.named(await operation(self, step))
        except StoreError as error:
            return self.named((type(error).__name__, error.args))


Operation = Callable[[World, Step], Awaitable[Any]]

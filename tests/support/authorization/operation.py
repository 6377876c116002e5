"""What a row of the authorization matrix is: an operation, how it is asked for, and who gets which outcome."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from msgspec import Struct, field

from tests.support.authorization.outcomes import OUTSIDE, Outcomes, Who
from tests.support.authorization.served_operations import WEBSOCKET

PLACE = re.compile(r"\{(?:id|name)\}")  # where a path takes an id
ANYWHERE = (Who.ANONYMOUS, Who.DELETED, Who.STRANGER, Who.BOT, Who.ADMIN)  # where no room is concerned


class Of(Struct, frozen=True):
    """A place in a request for something of the scene, by its name in scene.py."""

    name: str


class Operation(Struct, frozen=True, kw_only=True):
    """A row. `name` is the operation as served_operations names it; ` (…)` after it tells several rows of one apart.

    `ids`: what the scene puts for each {id} of the path. `data`: the body, or the data of the command; `query`: the
    query. `in_private` says what differs in a private room, where who is outside is told `hidden`. `spends`: what of
    the scene an allowed request uses up, which Scene.restore makes again; `room` for the whole scene. `people`: the
    columns that it is tried with. `is_upload`: the body is a form with a small file.
    """

    name: str
    outcomes: Outcomes
    ids: tuple[str, ...] = ()
    data: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    hidden: str | None = None
    in_private: Outcomes = field(default_factory=dict)
    spends: str = ""
    is_upload: bool = False
    people: tuple[Who, ...] = tuple(Who)

    @property
    def served(self) -> str:
        return self.name.partition(" (")[0]

    @property
    def is_command(self) -> bool:
        return self.served.startswith(f"{WEBSOCKET} ")

    @property
    def is_by_rest(self) -> bool:
        return not self.is_command and self.served != f"GET /{WEBSOCKET}"

    @property
    def concerns_a_room(self) -> bool:
        return self.hidden is not None

    def expected(self, who: Who, *, is_private: bool) -> str:
        """The outcome for somebody, in a public or in a private room."""
        if not is_private:
            return self.outcomes[who]
        if who in self.in_private:
            return self.in_private[who]
        is_outside = who in OUTSIDE or (who is Who.ADMIN and self.outcomes[who] == "not_member")
        return self.hidden if is_outside and self.hidden is not None else self.outcomes[who]

    def filled(self, value_of: Callable[[str], str]) -> tuple[str, str, Mapping[str, Any] | None, dict[str, Any]]:
        """Method (or `ws`), path (or command), data and query, with what `value_of` gives for each name."""

        def fill(given: Any) -> Any:
            if isinstance(given, Of):
                return value_of(given.name)
            return {name: fill(value) for name, value in given.items()} if isinstance(given, Mapping) else given

        method, path = self.served.split(" ")
        for name in self.ids:
            path = PLACE.sub(quote(value_of(name), safe=""), path, count=1)
        return method, path, fill(self.data), fill(self.query)


def anywhere(name: str, expected: Outcomes, data: Mapping[str, Any] | None = None, **more: Any) -> Operation:
    """An operation that concerns no room: tried once, with those who differ outside of rooms."""
    return Operation(name=name, outcomes=expected, data=data, **{"people": ANYWHERE, **more})


def in_room(
    name: str, expected: Outcomes, data: Mapping[str, Any] | None = None, *, ids: str = "room", **more: Any
) -> Operation:
    """An operation on a room, tried in a public and in a private one."""
    return Operation(name=name, outcomes=expected, data=data, ids=_path_ids(name, ids), hidden="room_not_found", **more)


def on_message(
    name: str, expected: Outcomes, data: Mapping[str, Any] | None = None, *, ids: str = "message", **more: Any
) -> Operation:
    """An operation on a message by its id."""
    return Operation(
        name=name, outcomes=expected, data=data, ids=_path_ids(name, ids), hidden="message_not_found", **more
    )


def on_file(name: str, expected: Outcomes) -> Operation:
    """An operation on a file that a message of the room shows."""
    return Operation(name=name, outcomes=expected, ids=("file",), hidden="file_not_found")


def _path_ids(name: str, ids: str) -> tuple[str, ...]:
    return tuple(ids.split())[: name.count("{id}")]

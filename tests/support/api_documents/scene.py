"""A room with what the examples of the API documents name, and the real ids of it.

Knows the contract alone, as any client.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from handlers.documents.examples import PATH_EXAMPLES
from tests.support.client import PASSWORD, Person, call, register
from tests.support.pictures import encoded, photo
from tests.support.uploads import upload

_numbers = itertools.count(1)


class DocumentScene(Struct, frozen=True):
    """`caller` owns a room with a member, a message, a bot, a webhook, an invite link; has a file, and a second login.

    `real_ids`: by example id.
    """

    caller: Person
    real_ids: Mapping[str, str]

    def filled(self, example: Any) -> Any:
        """An example with real ids in it."""
        if isinstance(example, Mapping):
            return {self.filled(name): self.filled(value) for name, value in example.items()}
        if isinstance(example, list):
            return [self.filled(value) for value in example]
        return self.real_ids.get(example, example) if isinstance(example, str) else example

    @property
    def path_ids(self) -> dict[str, str]:
        """By the name of a part of the path as the document has it."""
        return {_camel(name): self.filled(example) for name, example in PATH_EXAMPLES.items()}


def make_scene(caller: Person) -> DocumentScene:
    """Make a new room of the caller's, with all that examples name."""
    number = next(_numbers)
    other = register(caller.url, f"{caller.username}-peer-{number}")
    room = caller.make_room(name=f"Room {number}")["id"]
    other.join(room)
    message = caller.post(room, "hello")["id"]
    webhook = caller.call("POST", f"/rooms/{room}/webhooks", {"name": f"Hook {number}"}).json
    bot = caller.call("POST", f"/rooms/{room}/bots", {"username": f"{caller.username}-bot-{number}"}).json
    invite = caller.call("POST", f"/rooms/{room}/invites").json["code"]
    login = {"username": caller.username, "password": PASSWORD}
    second = call(caller.url, "POST", "/auth/login", login).json
    sessions = caller.call("GET", "/auth/sessions").json["sessions"]
    own = {
        "example-room": room,
        "example-user": other.id,
        "example-message": message,
        "example-file": upload(caller, encoded(photo(), "image/png"), name="photo.png")["id"],
        "example-bot": bot["user"]["id"],
        "example-webhook": webhook["id"],
        "example-webhook-token": webhook["url"].rpartition("/")[2],
        "example-invite-code": invite,
        "example-session": next(one["id"] for one in sessions if not one["current"]),
        "example-refresh-token": second["refreshToken"],
        "example-access-token": caller.access_token,
        "ada": caller.username,
    }
    return DocumentScene(caller, own)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)

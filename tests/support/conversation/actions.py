"""How the operations of the conversation model are done: requests and commands made of what was chosen."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any
from urllib.parse import quote

from tests.support.conversation.clients import Clients, Outcome
from tests.support.conversation.operation import Choice

_numbers = itertools.count(1)


async def ask(clients: Clients, choice: Choice, method: str, path: str, body: object = None) -> Outcome:
    return await clients.rest(choice.act.user, choice.act.process, method, path, body)


def rest(method: str, path: str, body: Any = None) -> Any:
    """A request whose path and body are made of the choice."""

    async def do(clients: Clients, choice: Choice) -> Outcome:
        filled = path.format(
            room=choice.room.id,
            other=choice.act.other,
            message=choice.message.id if choice.act.on else "",
            value=quote(str(choice.act.value), safe=""),
        )
        return await ask(clients, choice, method, filled, body(choice) if body is not None else None)

    return do


def either(event: str, data: Any, over_rest: Any) -> Any:
    """As a command on the person's own connection, or over REST."""

    async def do(clients: Clients, choice: Choice) -> Outcome:
        if choice.act.by_websocket:
            return await clients.one(choice.act.user, choice.act.process).command(event, data(choice))
        outcome: Outcome = await over_rest(clients, choice)
        return outcome

    return do


def draft(choice: Choice, **more: Any) -> dict[str, Any]:
    return {
        "roomId": choice.room.id,
        "content": f"message {next(_numbers)}",
        "clientId": f"c{next(_numbers)}",
        **more,
    }


def sending(make: Any) -> Any:
    """sendMessage or POST /messages with what `make` gives for the choice."""
    return either("sendMessage", make, rest("POST", "/messages", make))


async def send_together(clients: Clients, choice: Choice) -> Outcome:
    """Two people send at once, through two processes."""
    outcomes = await asyncio.gather(
        *(
            clients.rest(user, process, "POST", "/messages", draft(choice))
            for process, user in enumerate((choice.act.user, choice.act.other))
        )
    )
    refused = [one for one in outcomes if one.code != "ok"]
    return refused[0] if refused else Outcome("ok", [one.data for one in outcomes])


async def react_together(clients: Clients, choice: Choice) -> Outcome:
    path = f"/messages/{choice.message.id}/reactions/{quote(choice.act.value)}"
    outcomes = await asyncio.gather(
        *(clients.rest(user, process, "PUT", path) for process, user in enumerate((choice.act.user, choice.act.other)))
    )
    refused = [one for one in outcomes if one.code != "ok"]
    return refused[0] if refused else Outcome("ok", [one.data for one in outcomes])


async def subscribe(clients: Clients, choice: Choice) -> Outcome:
    return await clients.one(choice.act.user, choice.act.process).join(choice.room.id)


async def unsubscribe(clients: Clients, choice: Choice) -> Outcome:
    return await clients.one(choice.act.user, choice.act.process).leave(choice.room.id)


async def reconnect(clients: Clients, choice: Choice) -> Outcome:
    client = clients.of(choice.act.user)[choice.act.value]
    await clients.reconnect(client, choice.act.process)
    return Outcome("ok")


async def enter(clients: Clients, choice: Choice) -> Outcome:
    """By an invite link that the room's owner makes."""
    room, process = choice.room, choice.act.process
    owner = next(user for user, member in room.members.items() if member.role == "owner")
    made = await clients.rest(owner, process, "POST", f"/rooms/{room.id}/invites", {"maxUses": 1})
    return await ask(clients, choice, "POST", f"/invites/{made.data['code']}") if made.code == "ok" else made


async def leave(clients: Clients, choice: Choice) -> Outcome:
    """Leave, and ask one who stays who they all are now: of an owner who leaves another member becomes the heir."""
    outcome = await ask(clients, choice, "POST", f"/rooms/{choice.room.id}/leave")
    if outcome.code != "ok":
        return outcome
    stays = next(user for user in choice.room.members if user != choice.act.user)
    return await clients.rest(stays, choice.act.process, "GET", f"/rooms/{choice.room.id}/members", limit=100)


async def read(clients: Clients, choice: Choice) -> Outcome:
    client = clients.one(choice.act.user, choice.act.process)
    return await client.command("messageRead", {"roomId": choice.room.id, "seq": choice.act.value})


async def cut(clients: Clients, choice: Choice) -> Outcome:
    await clients.cut(choice.act.process)
    return Outcome("ok")


async def drop(clients: Clients, choice: Choice) -> Outcome:
    await clients.drop(choice.act.process)
    return Outcome("ok")


async def restore(clients: Clients, choice: Choice) -> Outcome:
    await clients.restore()
    return Outcome("ok")

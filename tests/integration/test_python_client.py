"""The Python client against real servers and real faults: each message once, and each post once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from client import ChatClient, Message
from tests.integration.conftest import embedded
from tests.support.client import Person, register
from tests.support.server import ServerProcess

pytestmark = embedded  # the store is behind the contract

WITHIN_S = 60.0


def client_of(person: Person, **options: object) -> ChatClient:
    """A client with an access token of somebody who is logged in already."""
    return ChatClient(person.url, token=person.access_token, **options)  # type: ignore[arg-type]


async def take(messages: AsyncIterator[Message], count: int) -> list[Message]:
    """The next messages."""
    async with asyncio.timeout(WITHIN_S):
        return [await anext(messages) for _ in range(count)]


@pytest.mark.gen_test
async def test_people_talk_through_it(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room_id = ada.make_room()["id"]
    async with client_of(ada) as hers, client_of(bob) as his:
        assert (hers.user.id, his.user.username) == (ada.id, bob.username)
        her_room, his_room = await hers.join(room_id), await his.join(room_id)
        first = await her_room.send("Hello, Bob")
        second = await his_room.send("Hello, Ada", reply_to=first.id)
        assert (first.seq, second.seq, second.reply_to_id) == (1, 2, first.id)
        for room in (her_room, his_room):
            heard = await take(room.messages(), 2)
            assert [(one.seq, one.content) for one in heard] == [(1, "Hello, Bob"), (2, "Hello, Ada")]

"""The API documents as clients get them: every example does what it says, and what comes back is as described."""

from __future__ import annotations

import asyncio
import gzip
import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from chat.connections.command_forms import COMMAND_FORMS
from handlers.documents.asyncapi import events
from handlers.documents.openapi import openapi_document
from handlers.routes import documented_routes
from tests.integration.conftest import Start, StoreEnv, embedded
from tests.support.api_documents.conformance import DocumentedReplies
from tests.support.api_documents.scene import make_scene
from tests.support.authorization.served_operations import route_table
from tests.support.client import CommandRefused, call, chat, register
from tests.support.pictures import encoded, photo
from tests.support.server import ServerProcess, serving
from tests.support.uploads import form, part, send_form

pytestmark = embedded

OPERATIONS = [
    pytest.param(method, path, operation, id=f"{method.upper()} {path}")
    for path, methods in openapi_document(documented_routes(route_table()), version="")["paths"].items()
    for method, operation in methods.items()
]
_names = itertools.count(1)


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    data_dir = tmp_path_factory.mktemp("documented") / "data"
    with serving(data_dir, {**store_env(data_dir), "RATE_LIMIT_API": "1000000/3600"}) as server:
        yield server


@pytest.fixture(scope="module")
def replies(documented: ServerProcess) -> DocumentedReplies:
    return DocumentedReplies(call(documented.url, "GET", "/openapi.json").json)


def test_the_document_is_served_to_everybody_and_names_its_version(documented: ServerProcess) -> None:
    reply = call(documented.url, "GET", "/openapi.json")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json; charset=UTF-8")
    assert reply.json["openapi"].startswith("3.1")
    assert reply.json["info"]["version"] == call(documented.url, "GET", "/health").json["version"]
    assert call(documented.url, "GET", "/openapi.json").body == reply.body


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_every_example_does_what_it_says(
    documented: ServerProcess, replies: DocumentedReplies, method: str, path: str, operation: dict[str, Any]
) -> None:
    scene = make_scene(register(documented.url, f"caller{next(_names)}"))
    filled, query, body = path, {}, None
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            filled = filled.replace(f"{{{parameter['name']}}}", scene.path_ids[parameter["name"]])
        elif "example" in parameter:
            query[parameter["name"]] = scene.filled(parameter["example"])
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = scene.filled(content["application/json"]["example"])
    if "multipart/form-data" in content:
        picture = part(encoded(photo(), "image/png"), name="photo.png")
        reply = send_form(scene.caller, form(picture), method=method.upper(), path=filled)
    else:
        reply = scene.caller.call(method.upper(), quote(filled), body, **query)
    assert reply.status < 300, reply.body
    replies.require(method, path, reply)


@pytest.mark.gen_test
async def test_every_command_is_answered_and_every_event_told_as_described(start: Start) -> None:
    server = start()
    document = call(server.url, "GET", "/asyncapi.json").json
    examples = {
        name: message["examples"][0]["payload"]["data"]
        for name, message in document["components"]["messages"].items()
        if "examples" in message
    }
    owner, other = register(server.url), register(server.url)
    scene = make_scene(owner)
    room = scene.real_ids["example-room"]
    other.join(room)
    async with chat(server.ws_url, owner) as one, chat(server.ws_url, other) as two:
        await two.command("joinRoom", roomId=room, since=0, sinceRev=0)
        answered = {name: await one.command(name, **scene.filled(data)) for name, data in examples.items()}
        assert set(answered) == set(COMMAND_FORMS)
        await one.command("joinRoom", roomId=room)  # which the examples have left
        other.call("PATCH", "/users/me/settings", {"theme": "dark"})
        owner.call("PATCH", f"/rooms/{room}", {"name": "Another name"})
        owner.post(room, "all of you", mentions=["room"])
        await two.command("leaveRoom", roomId=room)
        owner.post(room, "something new")
        third = register(server.url)
        async with chat(server.ws_url, third) as newcomer:
            await newcomer.command("joinRoom", roomId=room)
            await one.one("userJoined")
            third.call("POST", f"/rooms/{room}/leave")
            await one.one("userLeft")
        await two.one("roomActivity")
        owner.make_room()
        owner.call("POST", f"/rooms/{room}/bans/{other.id}")
        with pytest.raises(CommandRefused, match="banned"):
            await two.command("joinRoom", roomId=room)
        await two.one("roomClosed")
        await asyncio.to_thread(server.terminate)
        await one.one("serverRestarting")
    told = {frame["event"] for connection in (one, two) for frame in connection.events}
    # test_presence.py sees the event of rooms with over 200 online
    assert told == {event.name for event in events()} - {"roomPresence"}


def test_the_documents_are_compressed_for_who_accepts_it(documented: ServerProcess) -> None:
    for path in ("/openapi.json", "/asyncapi.json"):
        plain = call(documented.url, "GET", path)
        small = call(documented.url, "GET", path, headers={"Accept-Encoding": "gzip"})
        assert small.headers["content-encoding"] == "gzip"
        assert gzip.decompress(small.body) == plain.body
        assert len(small.body) < len(plain.body) / 5

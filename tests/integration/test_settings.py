"""Settings from outside: defaults, merge patches, bounds, and the event to the user's connections."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.conftest import Processes, embedded
from tests.support.client import Person, Reply, call, chat, person_at, register
from tests.support.server import ServerProcess

DEFAULTS = {"theme": "system", "density": "comfortable", "notifications": {}, "client": {}}


def patch(person: Person, **body: Any) -> Reply:
    return person.call("PATCH", "/users/me/settings", body)


def settings_of(person: Person) -> Any:
    reply = person.call("GET", "/users/me/settings")
    assert reply.status == 200
    return reply.json


def test_who_chose_nothing_has_the_defaults(server: ServerProcess) -> None:
    assert settings_of(register(server.url)) == DEFAULTS


def test_a_patch_is_merged_and_answered_with_all_settings(server: ServerProcess) -> None:
    ann = register(server.url)
    reply = patch(ann, theme="dark", notifications={"r1": "none", "r2": "all"}, client={"stars": ["r1"], "a": {"b": 1}})
    assert (reply.status, reply.json) == (
        200,
        {**DEFAULTS, "theme": "dark", "notifications": {"r1": "none", "r2": "all"},
         "client": {"stars": ["r1"], "a": {"b": 1}}},
    )  # fmt: skip
    after = patch(ann, theme=None, notifications={"r1": None}, client={"a": {"b": None, "c": [None]}}, unknown=7).json
    assert after == {**DEFAULTS, "notifications": {"r2": "all"}, "client": {"stars": ["r1"], "a": {"c": [None]}}}
    assert settings_of(ann) == after
    assert patch(ann, density="compact", notifications=None, client=None).json == {**DEFAULTS, "density": "compact"}
    assert settings_of(register(server.url)) == DEFAULTS


def test_patches_at_once_both_count(server: ServerProcess) -> None:
    ann = register(server.url)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: patch(ann, client={str(number): number}), range(16)))
    assert {reply.status for reply in replies} == {200}
    assert settings_of(ann)["client"] == {str(number): number for number in range(16)}


@embedded
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"theme": "black"}, "theme"),
        ({"theme": 7}, "theme"),
        ({"density": []}, "density"),
        ({"notifications": {"r1": "some"}}, "notifications"),
        ({"notifications": {"": "all"}}, "notifications"),
        ({"notifications": {"r" * 129: "all"}}, "notifications"),
        ({"notifications": "all"}, "notifications"),
        ({"client": ["a"]}, "client"),
        ({"client": "a"}, "client"),
        ({"client": {"a": [{"b": "nul\0"}]}}, "client"),
        ({"client": {"a\0": 1}}, "client"),
        ({"client": {"a": ["\ud800"]}}, "client"),
        ({"client": {"\udfff": 1}}, "client"),
    ],
)
def test_what_is_wrong_with_a_patch_is_named(server: ServerProcess, body: dict[str, Any], field: str) -> None:
    reply = register(server.url).call("PATCH", "/users/me/settings", body)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert list(reply.json["error"]["details"]) == [field]


@embedded
@pytest.mark.parametrize("depth", [33, 400, 900, 9000])
def test_client_values_that_are_nested_too_deeply_are_refused(server: ServerProcess, depth: int) -> None:
    ann = register(server.url)
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        body = '{"client":{"a":' + opened * depth + "1" + closed * depth + "}}"
        reply = call(server.url, "PATCH", "/users/me/settings", body.encode(), token=ann.access_token)
        assert (reply.status, reply.code) in ((422, "validation_failed"), (400, "malformed"))
    assert settings_of(ann) == DEFAULTS
    deepest = b'{"client":{"a":' + b"[" * 31 + b"]" * 31 + b"}}"
    assert call(server.url, "PATCH", "/users/me/settings", deepest, token=ann.access_token).status == 200


@embedded
def test_no_object_is_malformed_and_a_stranger_is_refused(server: ServerProcess) -> None:
    ann = register(server.url)
    for body in (b"", b"[]", b"null", b"{"):
        assert call(server.url, "PATCH", "/users/me/settings", body, token=ann.access_token).code == "malformed"
    assert call(server.url, "GET", "/users/me/settings").code == "unauthorized"
    assert call(server.url, "PATCH", "/users/me/settings", {}).code == "unauthorized"
    assert ann.call("PUT", "/users/me/settings", {}).code == "method_not_allowed"


def test_settings_past_8_kb_are_refused_and_stay_as_they_were(server: ServerProcess) -> None:
    ann = register(server.url)
    assert patch(ann, client={"a": "x" * 8000}).status == 200
    reply = patch(ann, client={"b": "x" * 300})
    assert (reply.status, reply.code) == (413, "payload_too_large")
    assert set(settings_of(ann)["client"]) == {"a"}
    assert patch(ann, client={"a": None, "b": "x" * 300}).status == 200


@pytest.mark.gen_test
async def test_the_users_connections_hear_what_a_patch_changed(server: ServerProcess) -> None:
    ann, bob = register(server.url), register(server.url)
    patch(ann, client={"a": 1, "b": {"c": 2}})
    async with chat(server.ws_url, ann) as first, chat(server.ws_url, ann) as second, chat(server.ws_url, bob) as other:
        patch(ann, theme="dark", density="comfortable", client={"a": 1, "b": {"c": None, "d": 3}})
        patch(ann, theme="dark")  # changes nothing
        patch(ann, theme=None)
        for one in (first, second):
            await one.until(lambda one=one: len(one.named("settingsUpdated")) == 2)
            assert one.named("settingsUpdated") == [
                {"theme": "dark", "client": {"b": {"c": None, "d": 3}}},
                {"theme": "system"},
            ]
        await other.command("heartbeat")
        assert other.named("settingsUpdated") == []


@pytest.mark.gen_test
async def test_the_users_connections_to_another_process_hear_it_too(two_servers: Processes) -> None:
    first, second = two_servers
    ann = register(first.url)
    async with chat(second.ws_url, ann) as there:
        await there.one("welcome")
        patch(ann, notifications={"r1": "mentions"})
        assert await there.one("settingsUpdated") == {"notifications": {"r1": "mentions"}}
    assert settings_of(person_at(ann, second))["notifications"] == {"r1": "mentions"}

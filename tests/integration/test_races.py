"""Two requests at the same moment on two processes: the outcome is one of the two orders, the same for everybody.

RACE_TIMES=30 runs each race more often than `make test` does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest

from tests.integration.conftest import TWO_SERVERS_ENV, Processes, StoreEnv, start_two_processes
from tests.support.client import Person, Reply, person_at, register
from tests.support.conversation.clients import Client
from tests.support.conversation.model import as_seen
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

TIMES = int(os.environ.get("RACE_TIMES", "4"))  # how often each race is run: in each run another may be first
OUTSIDE = {"not_member", "banned"}
FUTURE = "2099-01-01T00:00:00.000Z"
Request = Callable[[], Reply]


async def at_once(*requests: Request) -> list[str]:
    """Send the requests at the same moment. Returns `ok` or the error code of each."""
    replies = await asyncio.gather(*(asyncio.to_thread(request) for request in requests))
    return ["ok" if reply.status < 300 else reply.code for reply in replies]


class Race:
    """A new room for each run: ada owns it and watches it on both processes, bob is a member and watches it too."""

    def __init__(
        self, processes: Processes, ada: Person, bob: Person, room_id: str, watchers: Sequence[Client]
    ) -> None:
        self.processes = processes
        self.ada, self.bob = ada, bob
        self.room_id = room_id
        self.watchers = watchers

    def request(
        self, person: Person, process: int, method: str, path: str, body: object = None, **query: Any
    ) -> Request:
        """A request that `at_once` sends. `{room}` in the path is the room."""
        here = person_at(person, self.processes[process])
        return partial(here.call, method, path.format(room=self.room_id), body, **query)

    async def ask(self, person: Person, process: int, method: str, path: str, body: object = None, **query: Any) -> Any:
        """A request that is allowed; its JSON."""
        reply = await asyncio.to_thread(self.request(person, process, method, path, body, **query))
        assert reply.status < 300, reply.body
        return reply.json if reply.body else None

    async def post(self, person: Person, content: str = "hello") -> str:
        body = {"roomId": self.room_id, "content": content}
        message_id: str = (await self.ask(person, 0, "POST", "/messages", body))["message"]["id"]
        return message_id

    async def history(self) -> list[dict[str, Any]]:
        """The messages, which both processes and all who watch must come to see alike."""
        shown: list[Any] = []

        def is_alike() -> bool:
            path = "/messages"
            pages = [self.request(self.ada, process, "GET", path, roomId=self.room_id)().json for process in (0, 1)]
            told = [
                [
                    as_seen(one.timeline(self.room_id).messages[seq])
                    for seq in sorted(one.timeline(self.room_id).messages)
                ]
                for one in self.watchers
                if one.timeline(self.room_id).is_open
            ]
            shown[:] = [[as_seen(one) for one in page["messages"]] for page in pages] + told
            return all(one == shown[0] for one in shown)

        await until(is_alike)
        assert [one.faults + one.timeline(self.room_id).faults for one in self.watchers] == [[]] * len(self.watchers)
        messages: list[dict[str, Any]] = shown[0]
        return messages

    async def members(self) -> set[str]:
        """The members, which both processes must come to list alike."""
        found: list[set[str]] = []

        def is_alike() -> bool:
            path = "/rooms/{room}/members"
            pages = [self.request(self.ada, process, "GET", path)().json for process in (0, 1)]
            found[:] = [{one["userId"] for one in page["members"]} for page in pages]
            return found[0] == found[1]

        await until(is_alike)
        return found[0]

    def told_the_end(self, person: Person) -> bool:
        """Whether all subscriptions of somebody are over."""
        return not any(
            one.timeline(self.room_id).is_open for one in self.watchers if one.person.username == person.username
        )


class Races:
    """Two processes and four people, who are the same in each run: to register them would be most of its work."""

    def __init__(self, processes: Processes, people: Sequence[Person]) -> None:
        self._processes = processes
        self._ada, self._bob, *self.others = people

    @asynccontextmanager
    async def race(self, **room: Any) -> AsyncIterator[Race]:
        """A room with its two people and three watching connections."""
        ada, bob = self._ada, self._bob
        async with AsyncExitStack() as stack:
            room_id = (await asyncio.to_thread(partial(ada.make_room, **room)))["id"]
            one = Race(self._processes, ada, bob, room_id, [Client(ada, 0), Client(ada, 1), Client(bob, 1)])
            await one.ask(ada, 0, "POST", "/rooms/{room}/members", {"userId": bob.id})
            for client in one.watchers:
                await client.connect(self._processes[client.process])
                stack.push_async_callback(client.disconnect)
                assert (await client.join(room_id)).code == "ok"
            yield one


@pytest.fixture(scope="module")
def shared_two_servers(
    tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv, shared_redis: RedisServer
) -> Iterator[Processes]:
    """Two processes without limits: the same people make all rooms."""
    data_dir = tmp_path_factory.mktemp("races") / "data"
    env = {**store_env(data_dir), **shared_redis.env, **TWO_SERVERS_ENV, "RATE_LIMIT_ENABLED": "false"}
    with ExitStack() as stack:
        yield start_two_processes(stack, data_dir, env)


@pytest.fixture(scope="module")
def people(shared_two_servers: Processes) -> list[Person]:
    return [register(shared_two_servers[0].url) for _ in range(4)]


@pytest.fixture
def races(two_servers: Processes, people: list[Person]) -> Races:
    return Races(two_servers, people)


# ---- places ------------------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_of_two_who_are_invited_to_the_last_place_one_gets_it(races: Races) -> None:
    for _ in range(TIMES):
        async with races.race(maxUsers=3) as one:
            both = races.others
            codes = await at_once(
                *(
                    one.request(one.ada, process, "POST", "/rooms/{room}/members", {"userId": person.id})
                    for process, person in enumerate(both)
                )
            )
            assert sorted(codes) == ["ok", "room_full"]
            assert await one.members() == {one.ada.id, one.bob.id, both[codes.index("ok")].id}


@pytest.mark.gen_test
async def test_of_two_who_join_for_the_last_place_one_gets_it(races: Races) -> None:
    for _ in range(TIMES):
        async with races.race(maxUsers=3) as one:
            both = races.others
            codes = await at_once(
                *(one.request(person, process, "POST", "/rooms/{room}/join") for process, person in enumerate(both))
            )
            assert sorted(codes) == ["ok", "room_full"]
            assert await one.members() == {one.ada.id, one.bob.id, both[codes.index("ok")].id}


@pytest.mark.gen_test
async def test_a_link_for_one_is_used_by_one_of_two(races: Races) -> None:
    for _ in range(TIMES):
        async with races.race(isPrivate=True) as one:
            both = races.others
            code = (await one.ask(one.ada, 0, "POST", "/rooms/{room}/invites", {"maxUses": 1}))["code"]
            codes = await at_once(
                *(one.request(person, process, "POST", f"/invites/{code}") for process, person in enumerate(both))
            )
            assert sorted(codes) == ["not_found", "ok"]
            assert await one.members() == {one.ada.id, one.bob.id, both[codes.index("ok")].id}


# ---- changes of one message --------------------------------------------------------------------------------------


@pytest.mark.gen_test
@pytest.mark.parametrize("change", ["edit", "react"])
async def test_a_change_that_races_a_deletion_was_before_it_or_is_refused(races: Races, change: str) -> None:
    for turn in range(TIMES):
        async with races.race() as one:
            message = await one.post(one.bob, "secret")
            path = f"/messages/{message}"
            changes = {
                "edit": one.request(one.bob, 1, "PATCH", path, {"content": "changed"}),
                "react": one.request(one.bob, 1, "PUT", f"{path}/reactions/x"),
            }
            requests = [changes[change], one.request(one.ada, 0, "DELETE", path)]
            codes = await at_once(*requests[:: 1 if turn % 2 else -1])
            changed, deleted = codes[:: 1 if turn % 2 else -1]
            assert (changed, deleted) in {("ok", "ok"), ("message_not_found", "ok")}
            (left,) = await one.history()
            assert (left["deleted"], left["content"], left["rev"]) == (True, None, 2 + (changed == "ok"))
            log = await one.ask(one.bob, 1, "GET", "/rooms/{room}/changes")
            assert [entry["rev"] for entry in log["changes"]] == list(range(1, left["rev"] + 1))
            texts = {entry["message"]["content"] for entry in log["changes"] if entry["message"] is not None}
            assert texts == {None}, "the log does not give out what was deleted"


@pytest.mark.gen_test
async def test_of_two_edits_at_once_the_later_stands_for_everybody(races: Races) -> None:
    for _ in range(TIMES):
        async with races.race() as one:
            path = f"/messages/{await one.post(one.bob)}"
            requests = [
                one.request(person, process, "PATCH", path, {"content": f"by {process}"})
                for process, person in enumerate((one.ada, one.bob))
            ]
            assert await at_once(*requests) == ["ok", "ok"]
            (left,) = await one.history()
            assert (left["content"] in ("by 0", "by 1"), left["rev"]) == (True, 3)


# ---- moderation --------------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_a_message_that_races_a_ban_is_seen_by_all_or_refused(races: Races) -> None:
    for turn in range(TIMES):
        async with races.race() as one:
            ban = one.request(one.ada, 0, "POST", f"/rooms/{{room}}/bans/{one.bob.id}", {"reason": "noise"})
            send = one.request(one.bob, 1, "POST", "/messages", {"roomId": one.room_id, "content": "last"})
            codes = await at_once(*(ban, send)[:: 1 if turn % 2 else -1])
            banned, sent = codes[:: 1 if turn % 2 else -1]
            assert banned == "ok"
            assert sent in {"ok", *OUTSIDE}
            assert [message["content"] for message in await one.history()] == ["last"] * (sent == "ok")
            assert await one.members() == {one.ada.id}
            await until(lambda one=one: one.told_the_end(one.bob))


@pytest.mark.gen_test
async def test_an_edit_that_races_a_ban_is_seen_by_all_or_refused(races: Races) -> None:
    for turn in range(TIMES):
        async with races.race() as one:
            path = f"/messages/{await one.post(one.bob, 'first')}"
            ban = one.request(one.ada, 0, "POST", f"/rooms/{{room}}/bans/{one.bob.id}", {"reason": "noise"})
            edit = one.request(one.bob, 1, "PATCH", path, {"content": "changed"})
            codes = await at_once(*(ban, edit)[:: 1 if turn % 2 else -1])
            banned, edited = codes[:: 1 if turn % 2 else -1]
            assert banned == "ok"
            assert edited in {"ok", *OUTSIDE}
            (left,) = await one.history()
            assert left["content"] == ("changed" if edited == "ok" else "first")


@pytest.mark.gen_test
async def test_who_joins_while_they_are_banned_is_no_member_in_the_end(races: Races) -> None:
    for turn in range(TIMES):
        async with races.race() as one:
            eve, _ = races.others
            ban = one.request(one.ada, 0, "POST", f"/rooms/{{room}}/bans/{eve.id}", {"reason": "noise"})
            join = one.request(eve, 1, "POST", "/rooms/{room}/join")
            codes = await at_once(*(ban, join)[:: 1 if turn % 2 else -1])
            banned, joined = codes[:: 1 if turn % 2 else -1]
            assert banned == "ok"
            assert joined in {"ok", *OUTSIDE}, "who became a member for a moment may be told so"
            assert await one.members() == {one.ada.id, one.bob.id}
            for process in (0, 1):
                again = await at_once(one.request(eve, process, "POST", "/rooms/{room}/join"))
                assert again == ["banned"]


@pytest.mark.gen_test
async def test_a_message_that_races_a_mute_is_seen_by_all_or_refused(races: Races) -> None:
    for turn in range(TIMES):
        async with races.race() as one:
            mute = one.request(one.ada, 0, "PATCH", f"/rooms/{{room}}/members/{one.bob.id}", {"mutedUntil": FUTURE})
            send = one.request(one.bob, 1, "POST", "/messages", {"roomId": one.room_id, "content": "last"})
            codes = await at_once(*(mute, send)[:: 1 if turn % 2 else -1])
            muted, sent = codes[:: 1 if turn % 2 else -1]
            assert muted == "ok"
            assert sent in {"ok", "muted"}
            assert [message["content"] for message in await one.history()] == ["last"] * (sent == "ok")
            assert await at_once(send) == ["muted"]


@pytest.mark.gen_test
async def test_a_room_that_is_handed_to_two_at_once_has_one_owner(races: Races) -> None:
    for _ in range(TIMES):
        async with races.race() as one:
            eve, _ = races.others
            await one.ask(one.ada, 0, "POST", "/rooms/{room}/members", {"userId": eve.id})
            requests = [
                one.request(one.ada, process, "PATCH", f"/rooms/{{room}}/members/{person.id}", {"role": "owner"})
                for process, person in enumerate((one.bob, eve))
            ]
            codes = await at_once(*requests)
            assert sorted(codes) == ["forbidden", "ok"]
            owner = (one.bob, eve)[codes.index("ok")].id
            room = (await one.ask(one.ada, 0, "GET", "/rooms/{room}"))["room"]
            roles = {
                member["userId"]: member["role"]
                for member in (await one.ask(one.ada, 1, "GET", "/rooms/{room}/members"))["members"]
            }
            assert (room["ownerId"], room["role"]) == (owner, "moderator")
            assert roles == {one.ada.id: "moderator", one.bob.id: "member", eve.id: "member", owner: "owner"}


# ---- the end of a room -------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_who_joins_or_sends_while_a_room_is_deleted_is_in_no_room_in_the_end(races: Races) -> None:
    for _ in range(TIMES):
        async with races.race() as one:
            eve, _ = races.others
            codes = await at_once(
                one.request(eve, 1, "POST", "/rooms/{room}/join"),
                one.request(one.ada, 0, "DELETE", "/rooms/{room}"),
                one.request(one.bob, 1, "POST", "/messages", {"roomId": one.room_id, "content": "last"}),
            )
            assert codes[1] == "ok"
            assert {codes[0], codes[2]} <= {"ok", "room_not_found"}
            await until(lambda one=one: one.told_the_end(one.ada) and one.told_the_end(one.bob))
            assert {watcher.timeline(one.room_id).closed_because for watcher in one.watchers} == {"deleted"}
            for process in (0, 1):
                for person in (one.ada, one.bob, eve):
                    listed = await one.ask(person, process, "GET", "/rooms", mine="true", limit=100)
                    assert one.room_id not in [room["id"] for room in listed["rooms"]]
                    gone = await at_once(one.request(person, process, "GET", "/rooms/{room}"))
                    assert gone == ["room_not_found"]


# ---- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_of_settings_changed_at_once_both_fields_stand_and_of_one_field_the_later_value(
    races: Races,
) -> None:
    for _ in range(TIMES):
        async with races.race() as one:
            requests = [
                one.request(one.ada, process, "PATCH", "/rooms/{room}", body)
                for process, body in enumerate(
                    ({"name": "zero", "description": "of zero"}, {"name": "one", "slowModeS": 7})
                )
            ]
            assert await at_once(*requests) == ["ok", "ok"]
            shown: list[Any] = []

            def is_alike(one: Race = one, shown: list[Any] = shown) -> bool:
                rooms = [one.request(one.ada, process, "GET", "/rooms/{room}")().json["room"] for process in (0, 1)]
                shown[:] = [(room["name"], room["description"], room["slowModeS"], room["rev"]) for room in rooms]
                return shown[0] == shown[1]

            await until(is_alike)
            name, *rest = shown[0]
            assert (name in ("zero", "one"), rest) == (True, ["of zero", 7, 3])
            await until(
                lambda one=one, name=name: {watcher.rooms[one.room_id]["name"] for watcher in one.watchers} == {name}
            )

"""What processes keep in front of Redis: a write shows at once where it was made, and elsewhere within 1 s, also where
the events of the bus are late.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import JWT, Processes, embedded, until_redis_is_connected
from tests.support.client import Person, chat, person_at, register
from tests.support.machine_stalls import ending_within
from tests.support.redis_proxy_thread import proxy_thread_to
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

WITHIN_S = 1.0  # the contract's bound


def assert_a_write_shows_on_both(here: ServerProcess, elsewhere: ServerProcess) -> None:
    """People and memberships that are read on both processes are changed on one of them."""
    ada, bob = register(here.url), register(here.url)
    ada_elsewhere, bob_elsewhere = person_at(ada, elsewhere), person_at(bob, elsewhere)
    room = ada.make_room(isPrivate=True)["id"]
    assert ada.call("POST", f"/rooms/{room}/members", {"userId": bob.id}).status == 200

    def shown(person: Person) -> str | None:
        name: str | None = person.call("GET", f"/users/{ada.id}").json["user"]["displayName"]
        return name

    def reads(person: Person) -> int:
        return person.call("GET", "/messages", roomId=room).status

    def within_the_bound(condition: Callable[[], object]) -> None:
        with ending_within(WITHIN_S):
            poll(condition)

    for number in range(3):
        name = f"Ada {number}"
        assert (shown(ada_elsewhere), shown(ada)) != (name, name)
        assert ada.call("PATCH", "/users/me", {"displayName": name}).status == 200
        assert shown(ada) == name
        within_the_bound(lambda name=name: shown(ada_elsewhere) == name)  # type: ignore[misc]
    assert (reads(bob), reads(bob_elsewhere)) == (200, 200)
    assert ada.call("DELETE", f"/rooms/{room}/members/{bob.id}").status == 204
    assert reads(bob) == 404
    within_the_bound(lambda: reads(bob_elsewhere) == 404)


@embedded
def test_a_write_shows_at_once_where_it_was_made_and_elsewhere_within_a_second(two_servers: Processes) -> None:
    first, second = two_servers
    assert_a_write_shows_on_both(first, second)
    assert_a_write_shows_on_both(second, first)


def test_late_events_make_nothing_older_than_a_second(tmp_path: Path, redis: RedisServer) -> None:
    with proxy_thread_to(redis.port) as proxy:
        env = {**JWT, **redis.env}
        with serving(tmp_path / "data", env) as here, serving(tmp_path / "data", {**env, **proxy.env}) as elsewhere:
            until_redis_is_connected(here, elsewhere)
            proxy.delay_published(2.0)
            assert_a_write_shows_on_both(here, elsewhere)


@embedded
@pytest.mark.gen_test
async def test_the_newest_page_of_an_open_room_has_what_its_connections_were_sent_and_what_was_posted_here(
    two_servers: Processes,
) -> None:
    first, second = two_servers
    ada = register(first.url)
    room = ada.make_room()["id"]
    ada_there = person_at(ada, second)
    async with chat(second.ws_url, ada) as there:
        await there.command("joinRoom", roomId=room)
        for number in range(1, 6):
            posted = (ada if number % 2 else ada_there).post(room, f"text {number}")
            if number % 2:
                await there.until(lambda number=number: number in there.seqs)  # type: ignore[misc]
            page = ada_there.call("GET", "/messages", roomId=room, limit=3).json
            assert [one["seq"] for one in page["messages"]] == list(range(max(1, number - 2), number + 1))
            assert (page["messages"][-1], page["hasMore"]) == (posted, number > 3)
        ada.call("PATCH", f"/messages/{posted['id']}", {"content": "edited"})
        await there.one("messageEdited")
        page = ada_there.call("GET", "/messages", roomId=room).json
        assert (page["messages"][-1]["content"], page["rev"]) == ("edited", 1)

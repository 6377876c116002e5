"""Search over REST: what is found, in which order, where it stands in the text, and by whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.conftest import Processes, Start, embedded
from tests.support.client import Person, Reply, person_at, register
from tests.support.server import ServerProcess

MESSAGE = {
    *("id", "roomId", "seq", "rev", "userId", "username", "type", "content", "clientId", "replyToId", "threadId"),
    *("attachments", "mentions", "reactions", "createdAt", "editedAt", "deletedAt"),
}


@pytest.fixture(scope="module")
def ada(server: ServerProcess) -> Person:
    return register(server.url)


def search(person: Person, q: str | None = None, **query: Any) -> Reply:
    return person.call("GET", "/messages/search", **({} if q is None else {"q": q}), **query)


def found(person: Person, q: str, **query: Any) -> list[str]:
    """The contents of the messages that a search finds."""
    reply = search(person, q, **query)
    assert reply.status == 200, reply.body
    assert reply.json["nextCursor"] is None
    return [message["content"] for message in reply.json["messages"]]


def room_with(person: Person, *contents: str, **fields: Any) -> str:
    room_id: str = person.make_room(**fields)["id"]
    for content in contents:
        person.post(room_id, content)
    return room_id


def test_a_result_is_a_message_with_the_places_that_match(server: ServerProcess) -> None:
    ada = register(server.url)
    room_id = room_with(ada, "😀 Crème brûlée, and cream", "nothing of it")
    reply = search(ada, "CREME and", roomId=room_id)
    (message,) = reply.json["messages"]
    assert set(message) == MESSAGE | {"highlight"}
    assert message["highlight"] == [[3, 8], [17, 20]], "in UTF-16 code units, of which the emoji has two"
    assert (message["content"], message["seq"], message["userId"]) == ("😀 Crème brûlée, and cream", 1, ada.id)
    assert reply.json["nextCursor"] is None
    (message,) = search(ada, '"creme brulee"').json["messages"]
    assert message["highlight"] == [[3, 15]]
    assert [message["highlight"] for message in search(ada, f"in:{room_id}").json["messages"]] == [[], []]


def test_all_words_and_phrases_are_wanted(server: ServerProcess) -> None:
    ada = register(server.url)
    room_with(ada, "green tea", "tea that is green", "tea", "東京の天気")
    assert set(found(ada, "tea GREEN")) == {"green tea", "tea that is green"}
    assert found(ada, '"green tea"') == ["green tea"]
    assert found(ada, "“green tea”") == ["green tea"]
    assert found(ada, "天気") == ["東京の天気"]
    assert found(ada, "tea nothing") == []
    assert found(ada, "!?") == []


def test_operators_narrow_the_search_and_alone_list_the_newest_first(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    green = room_with(ada, "one tea", name="Green room")
    bob.join(green)
    bob.post(green, "two tea")
    ada.post(green, "three", mentions=[bob.id])
    other = room_with(ada, "four tea", name="Öther")
    assert found(ada, f"from:{bob.username.upper()}") == ["two tea"]
    assert found(ada, f"from:@{bob.username} tea") == ["two tea"]
    assert found(ada, f"from:{bob.id} from:me tea", roomId=green) == ["two tea", "one tea"]
    assert found(ada, "from:nobody-of-this-name tea") == []
    assert found(ada, 'in:"green ROOM"') == ["three", "two tea", "one tea"]
    assert found(ada, "in:#other") == ["four tea"]
    assert found(ada, "in:nowhere") == []
    assert found(ada, f"in:{other} tea", roomId=green) == []
    assert found(bob, "mentions:me") == ["three"]
    assert found(ada, "mentions:me") == []
    assert found(ada, "has:file") == []
    assert found(ada, "after:2020-01-01 before:2100-01-01 tea") == ["four tea", "two tea", "one tea"]
    assert found(ada, "before:2020-01-01") == []
    third = search(ada, "three").json["messages"][0]
    assert found(ada, f"after:{third['createdAt']}") == ["four tea", "three"]
    assert found(ada, f"before:{third['createdAt']}") == ["two tea", "one tea"]


def test_what_looks_like_an_operator_and_is_none_is_text(server: ServerProcess) -> None:
    ada = register(server.url)
    room_with(ada, "see https://example.org/a", "at 12:30", "todo: more", "AND OR NOT NEAR", "a* ^b -c (d)")
    assert found(ada, "https://example.org") == ["see https://example.org/a"]
    assert found(ada, "12:30") == ["at 12:30"]
    assert found(ada, "todo: more") == ["todo: more"]
    assert found(ada, "OR AND") == ["AND OR NOT NEAR"]
    assert found(ada, "a* -c (d)") == ["a* ^b -c (d)"]
    assert found(ada, "se*") == []


def test_only_members_find_what_a_room_says(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    public, private = room_with(ada, "tea in public"), room_with(ada, "tea in private", isPrivate=True, name="Secret")
    assert found(eve, "tea") == []
    assert found(eve, "in:Secret tea") == found(eve, f"in:{private} tea") == found(eve, f"in:{public}") == []
    assert search(eve, "tea", roomId=private).code == search(eve, "tea", roomId="nothing").code == "room_not_found"
    assert search(eve, "tea", roomId=public).code == "not_member"
    eve.join(public)
    assert found(eve, "tea") == ["tea in public"]
    assert eve.call("POST", f"/rooms/{public}/leave").status == 204
    assert found(eve, "tea") == []


def test_edits_deletions_and_removals_count_at_once(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room_id = room_with(ada, "old tea", "tea to go")
    bob.join(room_id)
    edited, deleted = (f"{room_id}-{seq}" for seq in (1, 2))
    assert ada.call("PATCH", f"/messages/{edited}", {"content": "new thé"}).status == 200
    assert ada.call("DELETE", f"/messages/{deleted}").status == 200
    assert (found(bob, "tea"), found(bob, "the"), found(bob, f"in:{room_id}")) == ([], ["new thé"], ["new thé"])
    assert ada.call("DELETE", f"/rooms/{room_id}/members/{bob.id}").status == 204
    assert (found(bob, "the"), found(ada, "the")) == ([], ["new thé"])
    assert ada.call("DELETE", f"/rooms/{room_id}").status == 204
    assert found(ada, "the") == []
    assert search(ada, "the", roomId=room_id).code == "room_not_found"


@embedded
def test_what_one_process_wrote_the_other_finds_at_once_and_after_a_removal_nothing(two_servers: Processes) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(first.url)
    ada_there, bob_there = person_at(ada, second), person_at(bob, second)
    room_id = room_with(ada, "tea", "thé")
    ada_there.post(room_id, "tea too")
    assert set(found(ada_there, "tea")) == {"tea too", "tea"}
    assert ada_there.call("PATCH", f"/messages/{room_id}-2", {"content": "tea after all"}).status == 200
    assert (found(ada, "the"), len(found(ada, "tea"))) == ([], 3)
    bob_there.join(room_id)
    assert len(found(bob_there, "tea")) == 3
    assert ada.call("DELETE", f"/rooms/{room_id}/members/{bob.id}").status == 204
    assert found(bob_there, "tea") == []


@embedded
def test_a_person_in_very_many_rooms_searches_them_all(start: Start) -> None:
    server = start(RATE_LIMIT_ENABLED="false")
    ada = register(server.url)
    with ThreadPoolExecutor(8) as pool:
        rooms = list(pool.map(lambda number: room_with(ada, name=f"Room {number}"), range(1000)))
    for room_id in (rooms[0], rooms[500], rooms[999]):
        ada.post(room_id, "tea")
    assert found(ada, "tea") == ["tea"] * 3
    assert found(ada, 'in:"room 500"') == ["tea"]
    assert suggested(ada, "te")[0] == ["tea"]


def test_a_cursor_goes_through_all_results_once(server: ServerProcess) -> None:
    ada = register(server.url)
    room_id = room_with(ada, *(f"tea {number}" + " tea" * (number % 3) for number in range(12)))
    for q in ("tea", "from:me"):
        seen: list[int] = []
        cursor: dict[str, str] = {}
        for _ in range(3):
            page = search(ada, q, roomId=room_id, limit=5, **cursor).json
            seen += [message["seq"] for message in page["messages"]]
            cursor = {"cursor": page["nextCursor"]}
        assert page["nextCursor"] is None
        assert sorted(seen) == list(range(1, 13))
    assert search(ada, "tea", cursor="nonsense").json["error"]["details"].keys() == {"cursor"}


@embedded
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": "   "}, "q"),
        ({"q": '""'}, "q"),
        ({"q": "x" * 501}, "q"),
        ({"q": "nul\0"}, "q"),
        ({"q": "before:yesterday"}, "q"),
        ({"q": "after:2026-02-30"}, "q"),
        ({"q": "after:2026-01-01T25:00Z"}, "q"),
        ({"q": "from:"}, "q"),
        ({"q": 'in:""'}, "q"),
        ({"q": "has:love"}, "q"),
        ({"q": "mentions:ada"}, "q"),
        ({"q": " ".join(f"w{number}" for number in range(21))}, "q"),
        ({"q": "from:me " * 21}, "q"),
        ({"q": "x", "limit": 0}, "limit"),
        ({"q": "x", "limit": 101}, "limit"),
        ({"q": "x", "limit": "many"}, "limit"),
        ({"q": "x", "cursor": "y" * 513}, "cursor"),
        ({"q": "x", "roomId": "y" * 129}, "roomId"),
    ],
)
def test_what_is_wrong_with_a_search_is_named(ada: Person, query: dict[str, Any], field: str) -> None:
    reply = ada.call("GET", "/messages/search", **query)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert list(reply.json["error"]["details"]) == [field]


def suggested(person: Person, q: str) -> tuple[list[str], list[str], list[str]]:
    """Words, usernames and names of rooms."""
    reply = person.call("GET", "/messages/search/suggest", q=q)
    assert reply.status == 200, reply.body
    found = reply.json
    assert set(found) == {"words", "people", "rooms"}
    assert sum(map(len, found.values())) <= 8
    return (
        found["words"],
        [user["username"] for user in found["people"]],
        [room["name"] for room in found["rooms"]],
    )


def test_words_people_and_rooms_of_ones_own_are_suggested_by_their_beginnings(server: ServerProcess) -> None:
    ada, quentin, queen = register(server.url), register(server.url, "quentin"), register(server.url, "queen")
    room_id = room_with(ada, "Quetzal and quince", "a quetzal", name="Quiet room")
    quentin.join(room_id)
    secret = room_with(queen, "quorum of the private", name="Quarters", isPrivate=True)
    public = room_with(queen, "quota of the public", name="Quick room")
    assert suggested(ada, "qu") == (["quetzal", "quince"], ["quentin"], ["Quiet room"])
    assert suggested(ada, "tea QUE") == (["quetzal"], [], [])
    assert suggested(ada, "quiet r") == ([], [], ["Quiet room"])
    assert suggested(ada, "from:qu") == suggested(ada, "tea from:@QU") == ([], ["quentin"], [])
    assert suggested(ada, "in:#qui") == suggested(ada, 'x in:"quiet r') == ([], [], ["Quiet room"])
    assert suggested(ada, "quo") == suggested(ada, "from:") == suggested(ada, "!") == ([], [], [])
    assert queen.call("POST", f"/rooms/{secret}/members", {"userId": ada.id}).status == 200
    ada.join(public)
    words, people, rooms = suggested(ada, "qu")
    assert set(words) <= {"quetzal", "quince", "quorum", "quota"}
    assert (people, rooms) == (["queen", "quentin"], ["Quarters", "Quick room", "Quiet room"])
    assert suggested(ada, "quo")[0] == ["quorum", "quota"]
    shown = ada.call("GET", "/messages/search/suggest", q="qu").json
    assert shown["people"][0] == ada.call("GET", f"/users/{queen.id}").json["user"]
    assert {"role", "unreadCount"} <= shown["rooms"][0].keys()
    assert ada.call("POST", f"/rooms/{secret}/leave").status == 204
    assert suggested(ada, "quor") == ([], [], [])
    assert suggested(register(server.url), "qu") == ([], [], [])


@embedded
@pytest.mark.parametrize("query", [{}, {"q": ""}, {"q": "x" * 81}, {"q": "nul\0"}])
def test_what_is_wrong_with_the_beginning_of_a_query_is_named(ada: Person, query: dict[str, str]) -> None:
    reply = ada.call("GET", "/messages/search/suggest", **query)
    assert (reply.status, list(reply.json["error"]["details"])) == (422, ["q"])


@embedded
def test_a_search_needs_a_token_and_is_only_read(ada: Person, server: ServerProcess) -> None:
    stranger = Person(server.url, {}, "no token", "")
    assert search(stranger, "x").code == "unauthorized"
    assert ada.call("POST", "/messages/search", {"q": "x"}).code == "method_not_allowed"
    assert ada.call("HEAD", "/messages/search", q="x").status == 200


@embedded
def test_searches_have_a_limit_of_their_own(start: Start) -> None:
    server = start(RATE_LIMIT_SEARCH="2/60", RATE_LIMIT_ADAPTIVE="false")
    ada = register(server.url)
    assert search(ada, "x").status == ada.call("GET", "/messages/search/suggest", q="x").status == 200
    assert ada.call("GET", "/messages/search/suggest", q="x").status == 429
    assert search(ada, "x").json["error"]["details"]["operation"] == "search"
    assert ada.call("GET", "/rooms").status == 200

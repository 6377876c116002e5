"""What an order to connect means for each connection: which room, which server, whose token."""

from __future__ import annotations

from collections import Counter

from bench.client.worker_protocol import Connect


def command(
    *, rooms: int, servers: int, users: int, first: int = 0, count: int = 1, own_tokens: bool = False
) -> Connect:
    return Connect(
        addresses=tuple(("127.0.0.1", port) for port in range(servers)),
        tokens=tuple(f"t{number}" for number in range(users)),
        room_ids=tuple(f"r{number}" for number in range(rooms)),
        first=first,
        count=count,
        at_once=1,
        within_s=1,
        own_tokens=own_tokens,
    )


def test_every_room_has_as_many_connections_on_every_server() -> None:
    connect = command(rooms=5, servers=4, users=3)
    places = Counter((connect.room_id(number), connect.address(number)) for number in range(5 * 8))
    assert len(places) == 5 * 4
    assert set(places.values()) == {2}


def test_the_first_connections_are_one_of_each_room_then_the_next_on_another_server() -> None:
    connect = command(rooms=2, servers=2, users=1)
    assert [(connect.room_id(number), connect.address(number)[1]) for number in range(4)] == [
        ("r0", 0),
        ("r1", 0),
        ("r0", 1),
        ("r1", 1),
    ]


def test_users_that_are_no_multiple_of_the_servers_have_connections_on_several() -> None:
    connect = command(rooms=2, servers=2, users=3)
    assert {connect.address(number) for number in range(24) if connect.token(number) == "t0"} == set(connect.addresses)


def test_without_a_room_the_servers_and_users_are_taken_in_turn() -> None:
    connect = command(rooms=0, servers=2, users=2)
    assert [(connect.room_id(number), connect.address(number)[1], connect.token(number)) for number in range(3)] == [
        (None, 0, "t0"),
        (None, 1, "t1"),
        (None, 0, "t0"),
    ]


def test_connections_with_tokens_of_their_own_take_them_in_turn_whatever_their_room() -> None:
    connect = command(rooms=2, servers=1, users=4, own_tokens=True)
    places = [(connect.room_id(number), connect.token(number)) for number in range(6)]
    assert places == [("r0", "t0"), ("r1", "t1"), ("r0", "t2"), ("r1", "t3"), ("r0", "t0"), ("r1", "t1")]

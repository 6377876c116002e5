"""A room goes on whatever is raised while one group of it is handed to the connections."""

from __future__ import annotations

import asyncio
import logging

import pytest

from app.event_loop import new_event_loop
from chat.delivery import fan_out_to_connections
from chat.delivery.fan_out_to_connections import FanOut
from chat.delivery.message_ring import Ring
from chat.delivery.room_channel import Channel, Group
from monitor.observer import Observer

pytestmark = pytest.mark.gen_test


class Subscriber:
    """Keeps what it is sent; one that `breaks` raises instead."""

    user_id = "u1"

    def __init__(self, number: int, *, breaks: bool = False) -> None:
        self.connection_id = f"c{number}"
        self.link = self
        self.is_open, self.is_over = True, False
        self.breaks = breaks
        self.received: list[bytes] = []
        self.aborted = 0

    def send(self, frame: bytes) -> None:
        if self.breaks:
            raise RecursionError("too deep")
        self.received.append(frame)

    send_ephemeral = send

    def abort(self) -> None:
        self.aborted += 1


class FailingObserver(Observer):
    """Raises where deliveries are told of, and counts them."""

    __slots__ = ("deliveries",)

    def __init__(self) -> None:
        self.deliveries = 0

    def messages_delivered(self, room_connections: int, messages: int) -> None:
        self.deliveries += room_connections * messages
        raise ValueError("a defect")


class RoomFanOut:
    """A channel with subscribers, and its fan-out."""

    def __init__(self, *subscribers: Subscriber, observer: Observer | None = None) -> None:
        self.channel = Channel("r1", ring=Ring(max_items=1, max_bytes=1))
        self.channel.live.update(dict.fromkeys(subscribers, 0))
        loop = asyncio.get_running_loop()
        self.fan_out = FanOut(loop=loop, observer=observer or Observer(), hold_max_bytes=1_000_000)

    def say(self, *frames: bytes, ephemeral: bool = False) -> None:
        for frame in frames:
            group = Group(0, ephemeral=ephemeral)
            group.frames.append(frame)
            group.messages = 0 if ephemeral else 1
            self.channel.groups.append(group)
            self.fan_out.start(self.channel)

    async def is_quiet(self) -> None:
        async with asyncio.timeout(30):
            while self.channel.is_delivering:
                await asyncio.sleep(0)
            await asyncio.sleep(0)  # what was left to the turn after it


def cut_into_slices(sends: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each slice be over after so many sends."""
    monkeypatch.setattr(fan_out_to_connections, "SENDS_BETWEEN_CHECKS", sends)
    monkeypatch.setattr(fan_out_to_connections, "SLICE_S", 0.0)


@pytest.mark.parametrize("slice_", [2, 500])
@pytest.mark.parametrize("ephemeral", [False, True])
async def test_a_link_whose_send_raises_is_ended_and_every_other_hears_all(
    slice_: int, ephemeral: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cut_into_slices(slice_, monkeypatch)
    everybody = [Subscriber(number, breaks=number in {0, 3, 6}) for number in range(7)]
    room = RoomFanOut(*everybody)
    room.say(b"a", b"b", ephemeral=ephemeral)
    await room.is_quiet()
    room.say(b"c", ephemeral=ephemeral)
    await room.is_quiet()
    assert [one.received for one in everybody if not one.breaks] == [[b"a", b"b", b"c"]] * 4
    assert [one.aborted for one in everybody] == [1, 0, 0, 1, 0, 0, 1], (
        "who lost one must not hear the next, as if there were no gap"
    )
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    logged_by = ["chat.delivery.fan_out_to_connections"] * (1 if slice_ == 500 else 3)
    assert [record.name for record in errors] == logged_by, "one of each slice"
    assert all(record.exc_info is not None for record in errors)
    assert "c0" in errors[0].getMessage()


@pytest.mark.parametrize("slice_", [2, 500])
async def test_a_room_goes_on_after_what_nobody_foresaw(
    slice_: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cut_into_slices(slice_, monkeypatch)
    everybody = [Subscriber(number) for number in range(5)]
    room = RoomFanOut(*everybody, observer=(observer := FailingObserver()))
    room.say(b"a", b"b")
    await room.is_quiet()
    room.say(b"c")
    await room.is_quiet()
    assert [one.received for one in everybody] == [[b"a", b"b", b"c"]] * 5
    assert observer.deliveries == 15
    assert caplog.records and all(record.exc_info and record.exc_info[0] is ValueError for record in caplog.records)
    caplog.clear()


async def test_only_who_was_sent_to_counts_as_delivered() -> None:
    class Counting(Observer):
        __slots__ = ("told",)

        def messages_delivered(self, room_connections: int, messages: int) -> None:
            self.told = room_connections, messages

    room = RoomFanOut(Subscriber(0), Subscriber(1, breaks=True), Subscriber(2), observer=(observer := Counting()))
    room.say(b"a")
    await room.is_quiet()
    assert observer.told == (2, 1)


async def test_ephemeral_events_of_a_turn_are_one_send_in_which_nobody_finds_their_own() -> None:
    ada, eve, bob, joining = everybody = [Subscriber(number) for number in range(4)]
    ada.user_id, eve.user_id, bob.user_id, joining.user_id = "ada", "eve", "bob", "ada"
    room = RoomFanOut(ada, eve, bob)
    pending = room.channel.register(joining)
    group = room.channel.open_ephemeral_group(frames_max=3)
    for frame, of in ((b"A", "ada"), (b"E", "eve"), (b"-", None)):
        assert room.channel.open_ephemeral_group(frames_max=3) is group
        group.add_ephemeral(frame, not_to_user=of)
    room.channel.open_ephemeral_group(frames_max=3).add_ephemeral(b"B", not_to_user="bob")
    room.fan_out.start(room.channel)
    await room.is_quiet()
    assert [one.received for one in everybody] == [[b"E-", b"B"], [b"A-", b"B"], [b"AE-"], []]
    assert pending.frames == [b"E-", b"B"]


# ---- acks and echoes in one send ---------------------------------------------------------------------------------


async def test_an_author_gets_ack_and_echo_in_one_send_and_the_ack_first() -> None:
    author, reader = Subscriber(0), Subscriber(1)
    room = RoomFanOut(author, reader)
    room.fan_out.cork()
    room.say(b"a", b"b")
    room.fan_out.ack(author, b"ack;")
    assert (author.received, reader.received) == ([], [])
    room.fan_out.uncork()
    assert author.received == [b"ack;a", b"b"]
    assert reader.received == [b"a", b"b"]
    await room.is_quiet()
    room.say(b"c")
    await room.is_quiet()
    assert author.received == [b"ack;a", b"b", b"c"], "an ack is sent once"


async def test_an_author_who_is_not_in_the_room_gets_the_ack_alone() -> None:
    author, reader = Subscriber(0), Subscriber(1)
    room = RoomFanOut(reader)
    room.fan_out.cork()
    room.say(b"a")
    room.fan_out.ack(author, b"ack;")
    room.fan_out.uncork()
    assert (author.received, reader.received) == ([b"ack;"], [b"a"])


async def test_acks_of_one_author_keep_their_order_and_one_that_nothing_gathers_is_sent_at_once() -> None:
    author = Subscriber(0)
    room = RoomFanOut(author)
    room.fan_out.ack(author, b"1;")
    room.fan_out.cork()
    room.fan_out.ack(author, b"2;")
    room.fan_out.ack(author, b"3;")
    assert author.received == [b"1;"]
    room.fan_out.uncork()
    room.fan_out.uncork()
    assert author.received == [b"1;", b"2;3;"]


async def test_one_who_joins_meanwhile_gets_the_ack_and_what_is_held_after_the_joins_answer() -> None:
    author = Subscriber(0)
    room = RoomFanOut(Subscriber(1))
    joining = room.channel.register(author)
    room.fan_out.cork()
    group = room.channel.open_group()
    group.frames.append(b"a")
    room.fan_out.start(room.channel)
    room.fan_out.ack(author, b"ack;")
    room.fan_out.uncork()
    assert (author.received, joining.frames) == ([b"ack;"], [b"a"])


async def test_in_a_room_of_several_slices_no_echo_precedes_its_ack(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into_slices(2, monkeypatch)
    everybody = [Subscriber(number) for number in range(5)]
    room = RoomFanOut(*everybody)
    room.fan_out.cork()
    room.say(b"a", b"b")
    for author in everybody:
        room.fan_out.ack(author, b"ack;")
    room.fan_out.uncork()
    assert [one.received for one in everybody] == [[b"ack;a"]] * 2 + [[b"ack;"]] * 3
    await room.is_quiet()
    assert [b"".join(one.received) for one in everybody] == [b"ack;ab"] * 5


async def test_a_delivery_under_way_goes_on_and_who_is_acked_meanwhile_waits_for_no_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut_into_slices(2, monkeypatch)
    everybody = [Subscriber(number) for number in range(5)]
    room = RoomFanOut(*everybody)
    room.say(b"a")
    await asyncio.sleep(0)
    room.fan_out.cork()
    room.say(b"b")
    room.fan_out.ack(everybody[4], b"ack;")
    room.fan_out.uncork()
    assert everybody[4].received == [b"ack;"]
    await room.is_quiet()
    assert [b"".join(one.received) for one in everybody] == [b"ab"] * 4 + [b"ack;ab"]


async def test_what_nobody_foresaw_in_one_room_keeps_neither_another_room_nor_an_ack_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second, author, broken = Subscriber(0), Subscriber(1), Subscriber(2), Subscriber(3, breaks=True)
    room = RoomFanOut(first, observer=FailingObserver())
    other = RoomFanOut(second)
    other.fan_out = room.fan_out
    room.fan_out.cork()
    room.say(b"a")
    other.say(b"b")
    room.fan_out.ack(broken, b"ack;")
    room.fan_out.ack(author, b"ack;")
    room.fan_out.uncork()
    assert (first.received, second.received, author.received) == ([b"a"], [b"b"], [b"ack;"])
    await asyncio.sleep(0)
    assert broken.aborted == 1
    other.say(b"c")
    await other.is_quiet()
    assert second.received == [b"b", b"c"]
    assert caplog.records
    caplog.clear()


# ---- slices ------------------------------------------------------------------------------------------------------


async def test_rooms_take_turns_and_a_turn_of_the_loop_has_one_slice_however_many_rooms_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut_into_slices(2, monkeypatch)
    rooms = [RoomFanOut(*[Subscriber(number) for number in range(size)]) for size in (5, 2, 2)]
    for room in rooms:
        room.fan_out = rooms[0].fan_out
        room.say(b"a")

    def received() -> list[int]:
        return [sum(len(one.received) for one in room.channel.live) for room in rooms]

    after_each_turn = []
    for _ in range(6):
        await asyncio.sleep(0)
        after_each_turn.append(received())
    assert after_each_turn == [[2, 0, 0], [2, 2, 0], [2, 2, 2], [4, 2, 2], [5, 2, 2], [5, 2, 2]]


def test_the_rooms_of_one_commit_share_a_slice_and_what_it_does_not_reach_waits_for_the_next_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut_into_slices(2, monkeypatch)

    async def after_each_turn() -> list[list[bytes]]:
        rooms = [RoomFanOut(Subscriber(number)) for number in range(4)]
        fan_out = rooms[0].fan_out

        def commit() -> None:
            for room in rooms:
                (author,) = room.channel.live
                fan_out.cork()
                room.fan_out = fan_out
                room.say(b"a")
                fan_out.ack(author, b"ack;")
                fan_out.uncork()

        def received() -> list[bytes]:
            return [b"".join(one.received) for room in rooms for one in room.channel.live]  # type: ignore[attr-defined]

        commit()
        seen = [received()]
        for _ in range(4):
            await asyncio.sleep(0)
            seen.append(received())
        commit()
        return [*seen, received()]

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        seen = runner.run(after_each_turn())
    echoes = [sum(one.endswith(b"ack;a") for one in turn) for turn in seen]
    assert seen[0] == [b"ack;a", b"ack;", b"ack;", b"ack;"], "no ack waits"
    assert echoes == [1, 2, 3, 4, 4, 1], "one slice a turn, and another turn has one again"


async def test_who_leaves_or_joins_anew_between_two_slices_gets_no_more_of_the_pass_and_others_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut_into_slices(1, monkeypatch)
    everybody = [Subscriber(number) for number in range(4)]
    room = RoomFanOut(*everybody)
    room.say(b"a")
    await asyncio.sleep(0)
    room.channel.forget(everybody[1])
    room.channel.register(everybody[2])  # whose `missed` has what is under way
    assert room.channel.go_live(everybody[2], is_answered=True)
    await room.is_quiet()
    assert [one.received for one in everybody] == [[b"a"], [], [], [b"a"]]
    room.channel.open_group().frames.append(b"b")
    room.fan_out.start(room.channel)
    await room.is_quiet()
    assert [one.received for one in everybody] == [[b"a", b"b"], [], [b"b"], [b"a", b"b"]]

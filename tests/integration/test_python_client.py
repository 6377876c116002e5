"""The Python client against real servers and real faults: each message once, and each post once."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from client import (
    ChatClient,
    ChatRoom,
    ConnectionChanged,
    ConnectionLost,
    Event,
    Forbidden,
    Invalid,
    Message,
    MessageChanged,
    MessageReceived,
    NotFound,
    RateLimited,
    RoomClosedError,
    RoomEvent,
    RoomReset,
    SessionEnded,
    Tokens,
    Unauthorized,
    login,
    register,
)
from client.rest import Rest
from client.session import Session
from tests.integration.conftest import Processes, Start, embedded
from tests.support.certificate import self_signed
from tests.support.client import PASSWORD, Person
from tests.support.client import register as register_person
from tests.support.prefix_proxy import prefix_proxy
from tests.support.redis_proxy import RedisProxy, proxy_to
from tests.support.server import ServerProcess, free_port
from tests.support.waiting import until, until_on_loop
from tests.support.websocket_server import serving_websockets

WITHIN_S = 60.0
NO_LIMITS = {"RATE_LIMIT_MESSAGES": "off", "RATE_LIMIT_RESUMES": "off", "RATE_LIMIT_CONNECTS": "off"}


def client_of(person: Person, url: str | None = None, **options: Any) -> ChatClient:
    """A client with an access token of somebody who is logged in already."""
    return ChatClient(url or person.url, token=person.access_token, **options)


def tokens_of(person: Person) -> Tokens:
    return Tokens(person.access_token, person.refresh_token)


def through(proxy: RedisProxy) -> str:
    """The server's URL by way of a proxy, which knows nothing of what it passes."""
    return f"http://127.0.0.1:{proxy.port}"


async def take(messages: AsyncIterator[Message], count: int) -> list[Message]:
    """The next messages."""
    async with asyncio.timeout(WITHIN_S):
        return [await anext(messages) for _ in range(count)]


async def seqs_up_to(room: ChatRoom, last: int) -> list[int]:
    """The seqs of the messages that come, up to this one."""
    seqs = []
    async with asyncio.timeout(WITHIN_S):
        async for message in room.messages():
            seqs.append(message.seq)
            if message.seq >= last:
                break
    return seqs


async def until_event(events: AsyncIterator[Event] | AsyncIterator[RoomEvent], kind: type[Any], **fields: Any) -> Any:
    """The next event of a kind with these values; those before it are dropped."""
    async with asyncio.timeout(WITHIN_S):
        async for event in events:
            if isinstance(event, kind) and all(getattr(event, name, None) == value for name, value in fields.items()):
                return event
    raise AssertionError("the events ended")


@embedded
@pytest.mark.gen_test
async def test_people_talk_through_it(server: ServerProcess) -> None:
    ada, bob = register_person(server.url), register_person(server.url)
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


@embedded
@pytest.mark.gen_test
async def test_an_account_is_made_and_logged_in_to(server: ServerProcess) -> None:
    tokens = await register(server.url, username="Grace", email="grace@example.com", password=PASSWORD)
    assert PASSWORD not in repr(tokens) and tokens.access_token not in repr(tokens)
    async with ChatClient(server.url, tokens=tokens) as chat:
        assert chat.user.username == "Grace"
        made = await chat.create_room("engines", is_private=True)
        assert await chat.find_room("engines") == made
        assert await chat.find_room("engine") is None
        assert [room.id for room in await chat.rooms()] == [made.id]
    async with ChatClient(server.url, username="grace", password=PASSWORD) as chat:
        assert chat.user.username == "Grace"
    with pytest.raises(Unauthorized):
        await login(server.url, username="grace", password="wrong horse battery")
    with pytest.raises(Unauthorized):
        async with ChatClient(server.url, username="grace", password="wrong horse battery"):
            pass
    with pytest.raises(Invalid) as refused:
        await register(server.url, username="g", email="g@example.com", password=PASSWORD)
    assert (refused.value.code, list(refused.value.details)) == ("validation_failed", ["username"])


@embedded
@pytest.mark.gen_test
async def test_what_can_be_done_with_messages_comes_as_events_in_order(server: ServerProcess) -> None:
    ada, bob = register_person(server.url), register_person(server.url)
    room_id = ada.make_room()["id"]
    async with client_of(ada) as hers, client_of(bob) as his:
        room, theirs = await hers.join(room_id), await his.join(room_id)
        said = await room.send("Helo", mentions=[bob.id])
        assert said.mentions == (bob.id,)
        assert (await room.edit(said.id, "Hello")).content == "Hello"
        assert (await theirs.react(said.id, "👍")).reactions["👍"]["count"] == 1
        assert (await theirs.unreact(said.id, "👍")).reactions == {}
        assert (await room.delete(said.id)).content is None
        events = theirs.events()
        async with asyncio.timeout(WITHIN_S):
            got = [await anext(events) for _ in range(5)]
        assert isinstance(got[0], MessageReceived)
        changes = [one for one in got if isinstance(one, MessageChanged)]
        assert [one.message.content for one in changes] == ["Hello", "Hello", "Hello", None]
        assert [one.rev for one in changes] == sorted({one.rev for one in changes})
        await theirs.mark_read(1)
        await theirs.typing()
        assert {one["userId"] for one in (await room.presence())["online"]} == {ada.id, bob.id}
        assert [one.id for one in await theirs.history()] == [said.id]
        await his.set_presence("busy", "in a meeting")
        assert (await until_event(hers.events(), object, name="presenceUpdate")).data["status"] == "busy"


@embedded
@pytest.mark.gen_test
async def test_what_is_final_is_raised(server: ServerProcess) -> None:
    ada, bob = register_person(server.url), register_person(server.url)
    room_id, secret = ada.make_room()["id"], ada.make_room(isPrivate=True)["id"]
    async with client_of(ada) as hers, client_of(bob) as his:
        room = await hers.join(room_id)
        with pytest.raises(Invalid, match="validation_failed"):
            await room.send("x" * 2001)
        with pytest.raises(Invalid, match="unknown_command"):
            await hers.command("nonsense")
        with pytest.raises(NotFound, match="room_not_found"):
            await his.join(secret)
        with pytest.raises(NotFound, match="message_not_found"):
            await room.edit("nothing", "new text")
        said = await room.send("hers")
        with pytest.raises(Forbidden):
            await (await his.join(room_id)).edit(said.id, "his")
    with pytest.raises(SessionEnded, match="closed"):
        await room.send("after the end")
    with pytest.raises(Invalid, match="no chat server"):
        async with ChatClient(f"{server.url}/elsewhere", token="x"):
            pass
    with pytest.raises(SessionEnded, match="unauthorized"):
        async with ChatClient(server.url, token="no token"):
            pass


@embedded
@pytest.mark.gen_test
async def test_while_connections_are_cut_each_message_comes_once_and_is_stored_once(start: Start) -> None:
    server = start(**NO_LIMITS)
    ada, bob = register_person(server.url), register_person(server.url)
    room_id = ada.make_room()["id"]
    async with AsyncExitStack() as stack:
        proxy = await proxy_to(stack, server.port)
        hers = await stack.enter_async_context(client_of(ada, through(proxy)))
        his = await stack.enter_async_context(client_of(bob, through(proxy)))
        room, theirs = await hers.join(room_id), await his.join(room_id)
        heard = asyncio.create_task(seqs_up_to(theirs, 60))
        for number in range(60):
            if number % 20 == 5:
                proxy.drop()
            assert (await room.send(f"message {number}")).seq == number + 1
        assert await heard == list(range(1, 61))
    stored = ada.call("GET", "/messages", roomId=room_id, limit=100).json["messages"]
    assert [one["content"] for one in stored] == [f"message {number}" for number in range(60)]


@embedded
@pytest.mark.gen_test
async def test_a_reply_that_was_lost_makes_no_second_message(start: Start) -> None:
    server = start(**NO_LIMITS)
    ada = register_person(server.url)
    room_id = ada.make_room()["id"]
    async with AsyncExitStack() as stack:
        proxy = await proxy_to(stack, server.port)
        chat = await stack.enter_async_context(client_of(ada, through(proxy)))
        room = await chat.join(room_id)
        for _ in range(3):
            head = room.feed.seq
            proxy.hold_replies()
            sending = asyncio.create_task(room.send("once"))
            await until(lambda head=head: ada.call("GET", f"/rooms/{room_id}").json["room"]["lastSeq"] > head)
            assert not sending.done()
            proxy.drop()
            proxy.release()
            assert (await sending).seq == head + 1
            await until_on_loop(lambda head=head: room.feed.seq > head)
    assert ada.call("GET", f"/rooms/{room_id}").json["room"]["lastSeq"] == 3


@embedded
@pytest.mark.gen_test
async def test_kill_9_of_the_server_loses_and_doubles_nothing(start: Start) -> None:
    server = start(**NO_LIMITS)
    ada, bob = register_person(server.url), register_person(server.url)
    room_id = ada.make_room()["id"]
    async with client_of(ada) as hers, client_of(bob) as his:
        room, theirs = await hers.join(room_id), await his.join(room_id)
        heard = asyncio.create_task(seqs_up_to(theirs, 40))

        async def send_all() -> None:
            for number in range(40):
                assert (await room.send(f"message {number}")).seq == number + 1

        sending = asyncio.create_task(send_all())
        for after in (8, 24):
            await until_on_loop(lambda after=after: room.feed.seq >= after)
            server.kill()
            await asyncio.to_thread(server.start)
        await asyncio.wait_for(sending, WITHIN_S)
        assert await heard == list(range(1, 41))


@embedded
@pytest.mark.gen_test
async def test_a_restart_is_waited_for_as_the_server_asks(start: Start) -> None:
    server = start(**NO_LIMITS)
    ada = register_person(server.url)
    room_id = ada.make_room()["id"]
    async with client_of(ada) as chat:
        room = await chat.join(room_id)
        await room.send("before")
        await until_event(chat.events(), ConnectionChanged, online=True)
        assert await asyncio.to_thread(server.terminate) == 0
        lost = await until_event(chat.events(), ConnectionChanged)
        assert (lost.online, lost.reason) == (False, "restarting")
        await asyncio.to_thread(server.start)
        assert (await room.send("after")).seq == 2


@embedded
@pytest.mark.gen_test
async def test_tokens_are_renewed_on_the_connection_before_they_expire(start: Start) -> None:
    server = start(JWT_EXPIRES_IN="4")
    ada = register_person(server.url)
    renewed: list[Tokens] = []
    async with ChatClient(server.url, tokens=tokens_of(ada), on_tokens=renewed.append) as chat:
        await until_event(chat.events(), ConnectionChanged, online=True)
        changed = asyncio.create_task(until_event(chat.events(), ConnectionChanged))
        room = await chat.join(ada.make_room()["id"])
        await until_on_loop(lambda: len(renewed) >= 3)
        await room.send("still here")
        await chat.call("GET", "/auth/profile")
        assert not changed.done()
        changed.cancel()
    # The newest pair of tokens is good for the next run of the program
    async with ChatClient(server.url, tokens=renewed[-1]) as chat:
        assert chat.user.id == ada.id


@embedded
@pytest.mark.gen_test
async def test_many_who_need_a_new_token_share_one_renewal(server: ServerProcess) -> None:
    ada = register_person(server.url)
    renewed: list[Tokens] = []
    async with ChatClient(server.url, tokens=tokens_of(ada), on_tokens=renewed.append) as chat:
        assert len(renewed) == 1  # how long the given token is good is not known
        assert ada.call("DELETE", f"/auth/sessions/{await current_session(chat)}").status == 204
        calls = [chat.call("GET", "/auth/profile") for _ in range(20)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(end) for end in ends} == {SessionEnded}
    bob = register_person(server.url)
    session = Session(tokens_of(bob), rest=Rest(server.url), on_renewed=renewed.append)
    assert len({await one for one in [session.access_token() for _ in range(20)]}) == 1
    assert len(renewed) == 2


@embedded
@pytest.mark.gen_test
async def test_a_renewal_is_completed_though_nobody_waits_for_it_any_more(server: ServerProcess) -> None:
    ada = register_person(server.url)
    renewed: list[Tokens] = []
    session = Session(tokens_of(ada), rest=Rest(server.url), on_renewed=renewed.append)
    asking = asyncio.create_task(session.access_token())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert renewed == []
    await session.close()
    assert [await session.access_token()] == [one.access_token for one in renewed]


async def current_session(chat: ChatClient) -> str:
    sessions = (await chat.call("GET", "/auth/sessions"))["sessions"]
    found: str = next(one["id"] for one in sessions if one["current"])
    return found


@embedded
@pytest.mark.gen_test
async def test_a_program_goes_on_in_another_run_where_it_was(server: ServerProcess) -> None:
    ada, bob = register_person(server.url), register_person(server.url)
    room_id = ada.make_room()["id"]
    async with client_of(bob) as chat:
        room = await chat.join(room_id)
        said = [ada.post(room_id, f"message {number}") for number in range(3)]
        await take(room.messages(), 2)
        since, since_rev = room.position
    ada.call("PATCH", f"/messages/{said[0]['id']}", {"content": "edited"})
    async with client_of(bob) as chat:
        events = (await chat.join(room_id, since=since, since_rev=since_rev)).events()
        async with asyncio.timeout(WITHIN_S):
            third, change = await anext(events), await anext(events)
    assert isinstance(third, MessageReceived) and isinstance(change, MessageChanged)
    assert (third.message.content, change.message.seq, change.message.content) == ("message 2", 1, "edited")


@embedded
@pytest.mark.gen_test
async def test_a_bot_that_is_removed_is_told_that_it_is_over(server: ServerProcess) -> None:
    ada = register_person(server.url)
    room_id = ada.make_room()["id"]
    made = ada.call("POST", f"/rooms/{room_id}/bots", {"username": "short-lived"}).json
    async with ChatClient(server.url, token=f"{made['token']}\n") as chat:  # as it is read from a file
        room = await chat.join(room_id)
        assert ada.call("DELETE", f"/rooms/{room_id}/bots/{made['user']['id']}").status == 204
        with pytest.raises((SessionEnded, RoomClosedError), match=r"revoked|removed"):
            await take(room.messages(), 1)
        with pytest.raises(SessionEnded, match="revoked"):
            await until_event(chat.events(), RoomReset)


@embedded
@pytest.mark.gen_test
async def test_an_access_token_that_nobody_renews_ends_the_session(start: Start) -> None:
    server = start(JWT_EXPIRES_IN="1")
    ada = register_person(server.url)
    room_id = ada.make_room()["id"]
    with pytest.raises(SessionEnded) as ended:
        async with client_of(ada) as chat:
            async for _ in (await chat.join(room_id)).messages():
                pass
    assert ended.value.code == "unauthorized"


@embedded
@pytest.mark.gen_test
async def test_a_revoked_session_ends_it(server: ServerProcess) -> None:
    ada = register_person(server.url)
    room_id = ada.make_room()["id"]
    async with ChatClient(server.url, tokens=tokens_of(ada)) as chat:
        room = await chat.join(room_id)
        await chat.call("POST", "/auth/logout")
        with pytest.raises(SessionEnded, match="revoked"):
            async with asyncio.timeout(WITHIN_S):
                async for _ in room.messages():
                    pass
        with pytest.raises(SessionEnded, match="revoked"):
            await room.send("after that")


@embedded
@pytest.mark.gen_test
async def test_a_room_that_is_closed_to_the_user_says_why(server: ServerProcess) -> None:
    ada, bob = register_person(server.url), register_person(server.url)
    deleted, banned = ada.make_room()["id"], ada.make_room()["id"]
    async with client_of(bob) as chat:
        rooms = [await chat.join(deleted), await chat.join(banned)]
        ada.post(banned, "the last message")
        assert ada.call("DELETE", f"/rooms/{deleted}").status == 204
        assert ada.call("POST", f"/rooms/{banned}/bans/{bob.id}", {"reason": "spam"}).status < 300
        heard = []
        for room, reason in zip(rooms, ("deleted", "banned"), strict=True):
            with pytest.raises(RoomClosedError) as closed:
                async with asyncio.timeout(WITHIN_S):
                    async for message in room.messages():
                        heard.append(message.content)
            assert closed.value.code == reason
        assert heard == ["the last message"]
        with pytest.raises(NotFound):
            await chat.join(deleted)
        with pytest.raises(Forbidden, match="banned"):
            await chat.join(banned)


@embedded
@pytest.mark.gen_test
async def test_who_was_removed_while_away_does_not_join_again(server: ServerProcess) -> None:
    ada, bob = register_person(server.url), register_person(server.url)
    room_id, other = ada.make_room()["id"], ada.make_room()["id"]
    async with AsyncExitStack() as stack:
        proxy = await proxy_to(stack, server.port)
        chat = await stack.enter_async_context(client_of(bob, through(proxy)))
        room, still = await chat.join(room_id), await chat.join(other)
        proxy.go_away()
        assert ada.call("DELETE", f"/rooms/{room_id}/members/{bob.id}").status == 204
        ada.post(room_id, "without Bob")
        ada.post(other, "with Bob")
        proxy.come_back()
        with pytest.raises(RoomClosedError, match="removed"):
            await take(room.messages(), 1)
        assert [one.content for one in await take(still.messages(), 1)] == ["with Bob"]
    members = ada.call("GET", f"/rooms/{room_id}/members").json["members"]
    assert [one["userId"] for one in members] == [ada.id]


@embedded
@pytest.mark.gen_test
async def test_a_room_that_is_left_ends_and_can_be_joined_again(server: ServerProcess) -> None:
    ada = register_person(server.url)
    room_id = ada.make_room()["id"]
    async with client_of(ada) as chat:
        room = await chat.join(room_id)
        assert await chat.join(room_id) is room
        await room.leave()
        assert [message async for message in room.messages()] == []
        again = await chat.join(room_id)
        await again.send("here again")
        assert [one.content for one in await take(again.messages(), 1)] == ["here again"]


@embedded
@pytest.mark.gen_test
async def test_whoever_takes_events_slowly_gets_all_of_them_from_the_store(start: Start) -> None:
    server = start(**NO_LIMITS, RATE_LIMIT_API="off")
    ada, bob = register_person(server.url), register_person(server.url)
    room_id = ada.make_room()["id"]
    async with client_of(ada) as hers, client_of(bob, buffer_max=10) as his:
        room, slow = await hers.join(room_id), await his.join(room_id)
        said = [await room.send(f"message {number}") for number in range(120)]
        for number in (3, 60, 119):
            await room.edit(said[number].id, f"edited {number}")
        texts: dict[int, str | None] = {}
        seqs = []
        async with asyncio.timeout(WITHIN_S):
            async for event in slow.events():
                assert len(slow.feed) <= 10
                assert isinstance(event, MessageReceived | MessageChanged)
                texts[event.message.seq] = event.message.content
                if isinstance(event, MessageReceived):
                    seqs.append(event.message.seq)
                if len(seqs) == 120 and all(texts[one + 1] == f"edited {one}" for one in (3, 60, 119)):
                    break
        assert seqs == list(range(1, 121))
        assert (await room.send("live again")).seq == 121
        assert (await until_event(slow.events(), MessageReceived)).message.content == "live again"


@embedded
@pytest.mark.gen_test
async def test_whoever_was_away_for_long_gets_what_the_ack_leaves_out(start: Start) -> None:
    server = start(**NO_LIMITS, RATE_LIMIT_API="off")
    ada = register_person(server.url)
    room_id = ada.make_room()["id"]
    async with client_of(ada) as chat:
        room = await chat.join(room_id)
        for _ in range(100):
            await room.send("😀" * 2_000)
    async with client_of(ada) as chat:
        room = await chat.join(room_id, since=20)  # what follows are over 256 KB, which is all that an ack may hold
        assert await seqs_up_to(room, 100) == list(range(21, 101))


@embedded
@pytest.mark.gen_test
async def test_limits_are_waited_for(start: Start) -> None:
    server = start(RATE_LIMIT_MESSAGES="3/2")
    ada = register_person(server.url)
    room_id = ada.make_room()["id"]
    async with client_of(ada) as chat:
        room = await chat.join(room_id)
        sent = await asyncio.gather(*(room.send(str(number)) for number in range(8)))
    assert [one.seq for one in sent] == list(range(1, 9))


@embedded
@pytest.mark.gen_test
async def test_a_full_server_is_waited_for(start: Start) -> None:
    server = start(WS_MAX_CONNECTIONS="1")
    ada, bob = register_person(server.url), register_person(server.url)
    with pytest.raises(ConnectionLost, match="HTTP 503"):
        async with client_of(ada), client_of(bob, connect_within_s=1):
            pass
    async with AsyncExitStack() as stack:
        first = client_of(ada)
        await first.__aenter__()
        second = asyncio.create_task(stack.enter_async_context(client_of(bob)))
        await asyncio.sleep(0)
        await first.__aexit__(None, None, None)
        assert (await asyncio.wait_for(second, WITHIN_S)).is_online


@embedded
@pytest.mark.gen_test
async def test_above_the_cap_of_connections_a_client_waits(start: Start) -> None:
    server = start(WS_MAX_CONNECTIONS_PER_USER="1")
    ada = register_person(server.url)
    async with client_of(ada):
        with pytest.raises(ConnectionLost, match="4429"):
            async with client_of(ada, connect_within_s=2):
                pass


@embedded
@pytest.mark.gen_test
async def test_with_one_place_a_client_takes_its_own_again(start: Start) -> None:
    server = start(WS_MAX_CONNECTIONS_PER_USER="1")
    ada = register_person(server.url)
    async with AsyncExitStack() as stack:
        proxy = await proxy_to(stack, server.port)
        chat = await stack.enter_async_context(client_of(ada, through(proxy)))
        room = await chat.join(ada.make_room()["id"])
        proxy.cut_half_open()  # the server does not notice
        for connection in list(proxy._connections):
            connection.client_writer.close()
        assert (await room.send("back")).seq == 1


@embedded
@pytest.mark.gen_test
async def test_a_connection_that_died_silently_is_noticed(start: Start) -> None:
    server = start(WS_PING_INTERVAL="1")
    ada = register_person(server.url)
    async with AsyncExitStack() as stack:
        proxy = await proxy_to(stack, server.port)
        chat = await stack.enter_async_context(client_of(ada, through(proxy), silence_max_s=1))
        room = await chat.join(ada.make_room()["id"])
        proxy.cut_half_open()
        assert (await room.send("back")).seq == 1


@embedded
@pytest.mark.gen_test
async def test_a_restored_backup_is_told_as_a_reset(start: Start, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = start(data_dir)
    ada = register_person(server.url)
    room_id = ada.make_room()["id"]
    ada.post(room_id, "kept")
    await asyncio.to_thread(server.terminate)
    shutil.copytree(data_dir, tmp_path / "backup")
    await asyncio.to_thread(server.start)
    async with client_of(ada) as chat:
        room = await chat.join(room_id)
        await room.send("lost")
        await until_event(room.events(), MessageReceived)
        await asyncio.to_thread(server.terminate)
        shutil.rmtree(data_dir)
        shutil.copytree(tmp_path / "backup", data_dir)
        await asyncio.to_thread(server.start)
        assert (await until_event(room.events(), RoomReset)).seq == 1
        assert (await room.send("again")).seq == 2
        assert (await until_event(room.events(), MessageReceived)).message.content == "again"


@embedded
@pytest.mark.gen_test
async def test_a_server_that_comes_later_is_waited_for(start: Start, tmp_path: Path) -> None:
    server = start()
    ada = register_person(server.url)
    await asyncio.to_thread(server.terminate)
    for who in ({"token": ada.access_token}, {"username": ada.user["username"], "password": PASSWORD}):
        with pytest.raises(ConnectionLost, match=r"no connection within .*Errno"):
            async with ChatClient(server.url, connect_within_s=2, **who):
                pass
    entering = asyncio.create_task(client_of(ada).__aenter__())
    await asyncio.to_thread(server.start)
    chat = await asyncio.wait_for(entering, WITHIN_S)
    await chat.__aexit__(None, None, None)


@embedded
@pytest.mark.gen_test
async def test_it_leaves_no_task_behind(server: ServerProcess) -> None:
    ada = register_person(server.url)
    before = asyncio.all_tasks()
    async with client_of(ada) as chat:
        room = await chat.join(ada.make_room()["id"])
        waiting = asyncio.create_task(anext(aiter(room.messages())))
        await asyncio.sleep(0)
        waiting.cancel()
    assert asyncio.all_tasks() - before - {waiting} == set()
    with pytest.raises(ConnectionLost):
        async with client_of(ada, f"http://127.0.0.1:{free_port()}", connect_within_s=0.2):
            pass
    assert asyncio.all_tasks() - before - {waiting} == set()


@embedded
@pytest.mark.gen_test
async def test_files_are_uploaded_attached_and_downloaded(server: ServerProcess, tmp_path: Path) -> None:
    ada, bob = register_person(server.url), register_person(server.url)
    room_id = ada.make_room()["id"]
    notes = tmp_path / 'notes of "today".txt'
    notes.write_text("line\n" * 50_000)
    async with client_of(ada) as hers, client_of(bob) as his:
        room, theirs = await hers.join(room_id), await his.join(room_id)
        files = [await hers.upload(notes), await hers.upload(b"from memory", name="ümlaut.txt")]
        assert [(one.name, one.size) for one in files] == [(notes.name, 250_000), ("ümlaut.txt", 11)]
        await room.send("two files", attachments=files)
        (message,) = await take(theirs.messages(), 1)
        assert [one.id for one in message.attachments] == [one.id for one in files]
        assert await his.download(message.attachments[0], tmp_path / "copy") == b""
        assert (tmp_path / "copy").read_bytes() == notes.read_bytes()
        assert await his.download(message.attachments[1]) == b"from memory"
        with pytest.raises(NotFound, match="file_not_found"):
            await his.download("nothing")
        with pytest.raises(Invalid, match="payload_too_large"):
            await hers.upload(b"x" * 6_000_000, name="large.txt")


@embedded
@pytest.mark.gen_test
async def test_too_many_refusals_in_a_row_end_it(start: Start) -> None:
    server = start(RATE_LIMIT_TYPING="1/3600")
    ada = register_person(server.url)
    async with client_of(ada) as chat:
        room = await chat.join(ada.make_room()["id"])
        with pytest.raises(SessionEnded, match="refused"):
            async with asyncio.timeout(WITHIN_S):
                while True:
                    with suppress(RateLimited, ConnectionLost):
                        await room.typing()
        assert not chat.is_online


@embedded
@pytest.mark.gen_test
async def test_a_command_that_is_too_large_fails_alone(start: Start) -> None:
    server = start(WS_MAX_MESSAGE_BYTES="4096")
    ada = register_person(server.url)
    async with client_of(ada) as chat:
        room = await chat.join(ada.make_room()["id"])
        large = asyncio.create_task(chat.command("sendMessage", roomId=room.id, content="x" * 9000))
        sent = asyncio.create_task(room.send("small"))
        with pytest.raises(Invalid, match="payload_too_large"):
            await large
        assert (await sent).seq == 1


@pytest.mark.gen_test
async def test_a_server_that_speaks_no_websocket_is_left(tmp_path: Path) -> None:
    broken = [b"\x81\x81abcdx", b"\xc1\x01a", b"\x82\x01a", b"\x81\x01\xff"]

    def serve_one(connection: ServerConnection) -> None:
        if broken:
            connection.socket.sendall(broken.pop())
        else:
            welcome = {"connectionId": "c1", "processId": "p1", "heartbeatInterval": 25, "user": USER}
            connection.send(json.dumps({"event": "welcome", "data": welcome}))
        with suppress(ConnectionClosed):
            connection.recv()

    with serving_websockets(serve_one) as port:
        async with ChatClient(f"http://127.0.0.1:{port}", token="any") as chat:
            assert chat.user.username == "ada"
    assert broken == []


@embedded
@pytest.mark.gen_test
async def test_over_tls_and_below_a_path_it_is_the_same(server: ServerProcess, tmp_path: Path) -> None:
    ada = register_person(server.url)
    certificate = self_signed(tmp_path)
    with prefix_proxy(tmp_path / "nginx", server.port, certificate) as url:
        trusting = ssl.create_default_context(cafile=str(certificate.path))
        async with client_of(ada, url, ssl_context=trusting) as chat:
            room = await chat.join((await chat.create_room("behind nginx")).id)
            file = await chat.upload(b"by TLS", name="tls.txt")
            await room.send("with a file", attachments=[file])
            (message,) = await take(room.messages(), 1)
            assert await chat.download(message.attachments[0]) == b"by TLS"
        with pytest.raises(ConnectionLost, match="CERTIFICATE_VERIFY_FAILED"):
            async with client_of(ada, url, connect_within_s=1):
                pass
        with pytest.raises(Invalid, match="no chat server"):
            async with client_of(ada, url.removesuffix("/team/chat"), ssl_context=trusting):
                pass


USER = {"id": "u1", "username": "ada"}
CLUSTER_ENV = {"RATE_LIMIT_CONNECTS": "off", "RATE_LIMIT_RESUMES": "off", "RATE_LIMIT_API": "off"}


@embedded
@pytest.mark.gen_test
async def test_on_two_processes_whose_own_is_killed_each_message_comes_once(
    start_two_servers: Callable[..., Processes],
) -> None:
    first, second = start_two_servers(**CLUSTER_ENV)
    ada, bob = register_person(first.url), register_person(second.url)
    room_id = ada.make_room()["id"]
    async with AsyncExitStack() as stack:
        proxy = await proxy_to(stack, first.port)  # what nginx does: to the process that lives
        hers = await stack.enter_async_context(client_of(ada, second.url))
        his = await stack.enter_async_context(client_of(bob, through(proxy)))
        room, theirs = await hers.join(room_id), await his.join(room_id)
        heard = asyncio.create_task(seqs_up_to(theirs, 80))

        async def send_all(by: ChatRoom, count: int) -> list[int]:
            return [(await by.send(f"message {number}")).seq for number in range(count)]

        sending = [asyncio.create_task(send_all(by, 40)) for by in (room, theirs)]
        for victim, other, after in ((first, second, 10), (second, first, 50)):
            await until_on_loop(lambda after=after: theirs.feed.seq >= after)
            if not other.is_running:
                await asyncio.to_thread(other.start)
            proxy.target = other.port
            victim.kill()
        await asyncio.to_thread(second.start)
        acked = [seq for seqs in await asyncio.wait_for(asyncio.gather(*sending), WITHIN_S) for seq in seqs]
        assert sorted(acked) == await heard == list(range(1, 81))
        assert await seqs_up_to(room, 80) == list(range(1, 81))

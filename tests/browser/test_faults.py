"""The server dies, restarts and refuses, tokens end, tabs come and go: nothing is lost, nothing doubled, and the person is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Error, expect

from tests.browser.person import PASSWORD, Person
from tests.support.server import ServerProcess

NewPerson = Callable[..., Person]
SHORT_TOKENS = {"JWT_EXPIRES_IN": "8"}
WATCH_SOCKETS = """
    const sockets = (window.sockets = {});
    let current = null;
    window.WebSocket = class extends WebSocket {
        constructor(...args) {
            super(...args);
            current = this;
            if (sockets.announcedAt) sockets.reopenedAt ??= performance.now();
        }
    };
    window.watchSockets = () => {
        current.addEventListener("message", ({ data }) => {
            const frame = JSON.parse(data);
            if (frame.event === "serverRestarting") {
                sockets.announced = frame.data;
                sockets.announcedAt = performance.now();
            }
        });
    };
"""


def test_nothing_is_lost_or_doubled_when_the_server_is_killed_while_messages_are_sent(server: ServerProcess, new_person: NewPerson) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room("Kitchen")
    bob.join_room("Kitchen")
    texts = [f"message {number}" for number in range(40)]
    for text in texts[:15]:
        ann.say(text)
    server.kill()
    for text in texts[15:25]:
        ann.say(text)
    expect(ann.page.locator("#banner-text")).to_contain_text("kept and sent when the connection is back")
    expect(ann.page.locator('[data-state="waiting"]').last).to_contain_text("Waiting to be sent")
    server.start()
    for text in texts[25:]:
        ann.say(text)
    for person in (ann, bob):
        person.sees(texts[-1])
        expect(person.page.locator('[data-state="stored"]')).to_have_count(len(texts))
        expect(person.page.locator(".unsent")).to_have_count(0)
        expect(person.page.locator("#banner")).to_be_hidden()
        assert person.stored == texts
        assert person.seqs == list(range(1, len(texts) + 1))
    ann.page.reload()
    ann.sees(texts[-1])
    assert ann.stored == texts


def test_both_sides_write_while_the_server_is_down_and_agree_in_the_end(server: ServerProcess, new_person: NewPerson) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room("Kitchen")
    bob.join_room("Kitchen")
    ann.say("before")
    bob.sees("before")
    server.kill()
    for number in range(5):
        ann.say(f"ann {number}")
        bob.say(f"bob {number}")
    server.start()
    for person in (ann, bob):
        expect(person.page.locator('[data-state="stored"]')).to_have_count(11)
    assert ann.stored == bob.stored
    for name in ("ann", "bob"):
        assert [text for text in ann.stored if text.startswith(name)] == [f"{name} {number}" for number in range(5)]


def test_an_unsent_message_survives_a_reload_while_the_server_is_down(server: ServerProcess, new_person: NewPerson) -> None:
    ann = new_person("ann")
    room_id = ann.make_room("Kitchen")
    server.kill()
    ann.say("written in the dark")
    expect(ann.page.locator('[data-state="waiting"]')).to_contain_text("written in the dark")
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        ann.page.reload()
    server.start()
    ann.page.goto(f"{server.url}/#room={room_id}")
    ann.sees("written in the dark")
    expect(ann.page.locator(".unsent")).to_have_count(0)
    assert ann.stored == ["written in the dark"]


def test_a_planned_restart_is_announced_and_gone_through(server: ServerProcess, new_person: NewPerson) -> None:
    ann, bob = new_person("ann", registered=False), new_person("bob")
    ann.page.add_init_script(WATCH_SOCKETS)
    ann.register()
    ann.make_room("Kitchen")
    bob.join_room("Kitchen")
    ann.say("before")
    bob.sees("before")
    ann.page.evaluate("watchSockets()")
    server.terminate()
    expect(ann.page.locator("#banner")).to_be_visible()
    ann.say("during")
    server.start()
    bob.sees("during")
    ann.sees("during")
    assert ann.stored == bob.stored == ["before", "during"]
    sockets = ann.page.evaluate("sockets")
    assert sockets["announced"]["reconnectAfterMs"] > 0
    assert sockets["reopenedAt"] - sockets["announcedAt"] >= sockets["announced"]["reconnectAfterMs"] - 20


def test_what_was_missed_while_away_is_filled_in_without_a_hole(server: ServerProcess, new_person: NewPerson) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room("Kitchen")
    bob.join_room("Kitchen")
    ann.say("first")
    bob.sees("first")
    server.kill()  # an open socket outlives the emulated outage, and so at times does its close
    expect(bob.page.locator("#banner")).to_be_visible()
    bob.ignored = (*bob.ignored, "ERR_INTERNET_DISCONNECTED")
    bob.page.context.set_offline(True)
    server.start()
    for number in range(30):
        ann.say(f"missed {number}")
    ann.sees("missed 29")
    expect(bob.page.locator("#banner-text")).to_contain_text("You are offline")
    bob.page.context.set_offline(False)
    bob.sees("missed 29")
    assert bob.seqs == list(range(1, 32))


@pytest.mark.parametrize("server", [SHORT_TOKENS], indirect=True)
def test_a_token_is_renewed_before_it_ends_and_the_connection_stays(new_person: NewPerson) -> None:
    ann = new_person("ann")
    ann.make_room("Kitchen")
    sockets: list[str] = []
    ann.page.on("websocket", lambda socket: sockets.append(socket.url))
    for _ in range(3):
        with ann.page.expect_response("**/auth/refresh") as refreshed:
            pass
        assert refreshed.value.status == 200
    ann.say("still here")
    ann.sees("still here")
    assert sockets == []


@pytest.mark.parametrize("server", [SHORT_TOKENS], indirect=True)
def test_two_tabs_share_a_session_that_goes_on(new_person: NewPerson, new_context: Callable[..., BrowserContext]) -> None:
    context = new_context()
    first = new_person("ann", context=context)
    first.make_room("Kitchen")
    second = new_person("ann", context=context, registered=False)
    second.page.goto(first.page.url)
    second.is_online()
    for tab in (first, second, first, second):
        with context.expect_event("response", lambda reply: reply.url.endswith("/auth/refresh")) as refreshed:
            pass
        assert refreshed.value.status == 200
        tab.say("from this tab")
    for tab in (first, second):
        expect(tab.page.locator('[data-state="stored"]')).to_have_count(4)
    first.page.locator("#logout").click()
    for tab in (first, second):
        expect(tab.page.locator("#login-form")).to_be_visible()


def test_a_session_survives_a_reload_and_ends_with_the_logout(server: ServerProcess, new_person: NewPerson) -> None:
    ann = new_person("ann")
    ann.make_room("Kitchen")
    ann.say("hello")
    ann.sees("hello")
    ann.page.reload()
    ann.sees("hello")
    ann.page.locator("#logout").click()
    expect(ann.page.locator("#auth-notice")).to_have_text("You are logged out.")
    expect(ann.page.locator("#chat")).to_be_hidden()
    assert ann.page.evaluate('localStorage.getItem("chat.session")') is None
    ann.page.reload()
    expect(ann.page.locator("#login-form")).to_be_visible()
    ann.page.locator("#login-name").fill(f"{ann.name}@example.test")
    ann.page.locator("#login-password").fill(PASSWORD)
    ann.page.locator("#login-submit").click()
    ann.is_online()
    ann.page.locator("button.room-button", has_text="Kitchen").click()
    ann.sees("hello")


def test_the_unsent_messages_of_a_closed_tab_are_sent_by_the_one_that_is_left(
    server: ServerProcess, new_person: NewPerson, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    first = new_person("ann", context=context)
    first.make_room("Kitchen")
    second = new_person("ann", context=context, registered=False)
    second.page.goto(first.page.url)
    second.is_in_room()
    server.kill()
    first.say("from a tab that is closed")
    expect(first.page.locator('[data-state="waiting"]')).to_have_count(1)
    second_again = new_person("ann", context=context, registered=False)  # opened later: it knows of the first one's part
    first_url = first.page.url
    server.start()
    server.kill()
    first.page.close()
    server.start()
    second_again.page.goto(first_url)
    second_again.sees("from a tab that is closed")
    second.sees("from a tab that is closed")
    assert second.stored == ["from a tab that is closed"]


def test_a_session_that_was_revoked_elsewhere_asks_to_log_in_again(server: ServerProcess, new_person: NewPerson) -> None:
    ann = new_person("ann")
    elsewhere = new_person("ann", registered=False)
    elsewhere.name = ann.name
    elsewhere.log_in()
    ann.ignored = (*ann.ignored, "401")
    status = elsewhere.call("POST", "/auth/password", {"oldPassword": PASSWORD, "newPassword": "another horse battery"})
    assert status == 204
    expect(ann.page.locator("#auth-notice")).to_contain_text("session has ended")
    elsewhere.is_online()


@pytest.mark.parametrize("server", [{"WS_MAX_CONNECTIONS_PER_USER": "1"}], indirect=True)
def test_one_place_too_many_waits_until_another_is_closed(server: ServerProcess, new_person: NewPerson) -> None:
    ann = new_person("ann")
    elsewhere = new_person("ann", registered=False)
    elsewhere.name = ann.name
    elsewhere.log_in(online=False)
    expect(elsewhere.page.locator("#banner-text")).to_contain_text("too many places")
    ann.is_online()
    ann.page.context.close()
    elsewhere.page.locator("#reconnect").click()
    elsewhere.is_online()


def test_a_message_to_a_room_that_one_was_taken_out_of_is_not_dropped_silently(server: ServerProcess, new_person: NewPerson) -> None:
    ann = new_person("ann")
    room_id = ann.make_room("Kitchen")
    elsewhere = new_person("ann", registered=False)
    elsewhere.name = ann.name
    elsewhere.log_in()
    server.kill()
    expect(ann.page.locator("#banner")).to_be_visible()
    ann.ignored = (*ann.ignored, "ERR_INTERNET_DISCONNECTED")
    ann.page.context.set_offline(True)
    server.start()
    elsewhere.is_online()
    ann.say("too late")
    assert elsewhere.call("POST", f"/rooms/{room_id}/leave") == 204
    ann.page.context.set_offline(False)
    expect(ann.page.locator("#toast")).to_contain_text("too late")
    expect(ann.page.locator("button.room-button")).to_have_count(0)

"""A session goes on while its tokens end, is shared by tabs, and ends in all places at once; and too many places are
told so.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.person import PASSWORD, Person
from tests.support.server import ServerProcess
from tests.support.waiting import poll

NewPerson = Callable[..., Person]
Start = Callable[..., ServerProcess]
RENEWED_AFTER = "12:01"  # minutes and seconds: access tokens live for 15, and are renewed 3 before their end


def test_a_token_is_renewed_before_it_ends_and_the_connection_stays(
    new_person: NewPerson, start: Start, kitchen: str
) -> None:
    ann = new_person("ann", at=start(JWT_EXPIRES_IN="14"))
    ann.make_room(kitchen)
    sockets: list[str] = []
    ann.page.on("websocket", lambda socket: sockets.append(socket.url))
    for _ in range(2):  # the second is of a token that was renewed itself
        with ann.page.expect_response("**/auth/refresh") as refreshed:
            pass
        assert refreshed.value.status == 200
    ann.say("still here")
    ann.sees("still here")
    assert sockets == []


def test_two_tabs_share_a_session_that_goes_on(
    new_person: NewPerson, new_context: Callable[..., BrowserContext], kitchen: str
) -> None:
    context = new_context()
    context.clock.install()
    first = new_person("ann", context=context)
    first.make_room(kitchen)
    second = new_person("ann", context=context, registered=False)
    second.page.goto(first.page.url)
    second.is_in_room()
    for number, tab in enumerate((first, second, first, second)):
        issued_in = int(time.time())
        poll(lambda issued_in=issued_in: int(time.time()) > issued_in)  # two tokens of one second are one token
        with context.expect_event("response", lambda reply: reply.url.endswith("/auth/refresh")) as refreshed:
            context.clock.fast_forward(RENEWED_AFTER)
        assert refreshed.value.status == 200
        tab.say(f"from this tab {number}")
        for one in (first, second):
            one.sees(f"from this tab {number}")
    for tab in (first, second):
        expect(tab.page.locator('[data-state="stored"]')).to_have_count(4)
    first.page.locator("#logout").click()
    for tab in (first, second):
        expect(tab.page.locator("#login-form")).to_be_visible()


@pytest.mark.slow
def test_two_tabs_share_a_session_over_the_real_ends_of_its_tokens(
    new_person: NewPerson, new_context: Callable[..., BrowserContext], start: Start, kitchen: str
) -> None:
    context, server = new_context(), start(JWT_EXPIRES_IN="8")
    first = new_person("ann", at=server, context=context)
    first.make_room(kitchen)
    second = new_person("ann", at=server, context=context, registered=False)
    second.page.goto(first.page.url)
    second.is_online()
    for tab in (first, second, first, second):
        with context.expect_event("response", lambda reply: reply.url.endswith("/auth/refresh")) as refreshed:
            pass
        assert refreshed.value.status == 200
        tab.say("from this tab")
    for tab in (first, second):
        expect(tab.page.locator('[data-state="stored"]')).to_have_count(4)


def test_a_session_survives_a_reload_and_ends_with_the_logout(
    server: ServerProcess, new_person: NewPerson, kitchen: str
) -> None:
    ann = new_person("ann")
    ann.make_room(kitchen)
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
    ann.page.locator("button.room-button", has_text=kitchen).click()
    ann.sees("hello")


def test_a_session_that_was_revoked_elsewhere_asks_to_log_in_again(
    server: ServerProcess, new_person: NewPerson
) -> None:
    ann = new_person("ann")
    elsewhere = new_person("ann", registered=False)
    elsewhere.name = ann.name
    elsewhere.log_in()
    ann.ignored = (*ann.ignored, "401")
    status = elsewhere.call("POST", "/auth/password", {"oldPassword": PASSWORD, "newPassword": "another horse battery"})
    assert status == 204
    expect(ann.page.locator("#auth-notice")).to_contain_text("session has ended")
    elsewhere.is_online()


def test_one_place_too_many_waits_until_another_is_closed(new_person: NewPerson, start: Start) -> None:
    server = start(WS_MAX_CONNECTIONS_PER_USER="1")
    ann = new_person("ann", at=server)
    elsewhere = new_person("ann", at=server, registered=False)
    elsewhere.name = ann.name
    elsewhere.log_in(online=False)
    expect(elsewhere.page.locator("#banner-text")).to_contain_text("too many places")
    ann.is_online()
    ann.page.context.close()
    elsewhere.page.locator("#reconnect").click()
    elsewhere.is_online()

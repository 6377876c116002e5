"""A session outlives its access tokens, is shared by tabs, and ends everywhere at once; the number of connections is
limited.
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
StartServer = Callable[..., ServerProcess]
RENEWED_AFTER = "12:01"  # minutes and seconds: access tokens expire after 15 minutes and are renewed 3 minutes before


def test_a_token_is_renewed_before_it_ends_and_the_connection_stays(
    new_person: NewPerson, start_server: StartServer, room_name: str
) -> None:
    ann = new_person("ann", at=start_server(JWT_EXPIRES_IN="14"))
    ann.make_room(room_name)
    sockets: list[str] = []
    ann.page.on("websocket", lambda socket: sockets.append(socket.url))
    for _ in range(2):  # the second time a renewed token is renewed
        with ann.page.expect_response("**/auth/refresh") as refreshed:
            pass
        assert refreshed.value.status == 200
    ann.send_message("still here")
    ann.expect_message("still here")
    assert sockets == []


def test_two_tabs_share_a_session_over_renewals(
    new_person: NewPerson, new_context: Callable[..., BrowserContext], room_name: str
) -> None:
    context = new_context()
    context.clock.install()
    first = new_person("ann", context=context)
    first.make_room(room_name)
    second = new_person("ann", context=context, registered=False)
    second.page.goto(first.page.url)
    second.expect_in_room()
    for number, tab in enumerate((first, second, first, second)):
        issued_in = int(time.time())
        poll(lambda issued_in=issued_in: int(time.time()) > issued_in)  # tokens issued within one second are equal
        with context.expect_event("response", lambda reply: reply.url.endswith("/auth/refresh")) as refreshed:
            context.clock.fast_forward(RENEWED_AFTER)
        assert refreshed.value.status == 200
        tab.send_message(f"from this tab {number}")
        for one in (first, second):
            one.expect_message(f"from this tab {number}")
    for tab in (first, second):
        expect(tab.page.locator('[data-state="stored"]')).to_have_count(4)
    first.log_out()
    expect(second.page.get_by_role("form", name="Log in")).to_be_visible()


@pytest.mark.slow
def test_two_tabs_share_a_session_over_real_expiries_of_its_tokens(
    new_person: NewPerson, new_context: Callable[..., BrowserContext], start_server: StartServer, room_name: str
) -> None:
    context, server = new_context(), start_server(JWT_EXPIRES_IN="8")
    first = new_person("ann", at=server, context=context)
    first.make_room(room_name)
    second = new_person("ann", at=server, context=context, registered=False)
    second.page.goto(first.page.url)
    second.expect_online()
    for tab in (first, second, first, second):
        with context.expect_event("response", lambda reply: reply.url.endswith("/auth/refresh")) as refreshed:
            pass
        assert refreshed.value.status == 200
        tab.send_message("from this tab")
    for tab in (first, second):
        expect(tab.page.locator('[data-state="stored"]')).to_have_count(4)


def test_a_session_survives_a_reload_and_ends_with_the_logout(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    ann.send_message("hello")
    ann.expect_message("hello")
    ann.page.reload()
    ann.expect_message("hello")
    ann.log_out()
    expect(ann.page.get_by_role("status").first).to_have_text("You are logged out.")
    expect(ann.timeline).to_have_count(0)
    expect(ann.page.get_by_text(room_name)).to_have_count(0)
    assert ann.page.evaluate('localStorage.getItem("chat.session")') is None
    ann.page.reload()
    ann.fill_login(f"{ann.name}@example.test", PASSWORD)
    ann.expect_online()
    ann.room_button(room_name).click()
    ann.expect_message("hello")


def test_a_session_that_was_revoked_elsewhere_asks_to_log_in_again(
    server: ServerProcess, new_person: NewPerson
) -> None:
    ann = new_person("ann")
    elsewhere = new_person("ann", registered=False)
    elsewhere.name = ann.name
    elsewhere.log_in()
    ann.ignored_errors = (*ann.ignored_errors, "401")
    status = elsewhere.call("POST", "/auth/password", {"oldPassword": PASSWORD, "newPassword": "another horse battery"})
    assert status == 204
    expect(ann.page.get_by_role("status").first).to_contain_text("session has ended")
    elsewhere.expect_online()


def test_a_connection_over_the_limit_waits_until_another_is_closed(
    new_person: NewPerson, start_server: StartServer
) -> None:
    server = start_server(WS_MAX_CONNECTIONS_PER_USER="1")
    ann = new_person("ann", at=server)
    elsewhere = new_person("ann", at=server, registered=False)
    elsewhere.name = ann.name
    elsewhere.log_in(online=False)
    expect(elsewhere.banner).to_contain_text("too many places")
    ann.expect_online()
    ann.page.context.close()
    elsewhere.page.get_by_role("button", name="Try now").click()
    elsewhere.expect_online()

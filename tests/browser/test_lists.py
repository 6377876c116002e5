"""Lists that are loaded page by page: the audit trail, and what a late, a failed and a repeated answer do to them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from playwright.sync_api import APIResponse, Route, expect

from tests.browser.person import Person
from tests.support import client
from tests.support.server import ServerProcess

NewPerson = Callable[..., Person]


def test_the_audit_trail_is_told_in_sentences_with_the_names_of_those_who_become_known(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    bob = client.register(server.url, f"bob-{secrets.token_hex(3)}")
    assert bob.call("PATCH", "/users/me", {"displayName": "Robert"}).status == 200
    bob.join(room_id)
    message = bob.post(room_id, "A pun")
    ann.expect_message("A pun")
    member = f"/rooms/{room_id}/members/{bob.id}"
    assert ann.call("PATCH", member, {"role": "moderator"}) == 200
    assert ann.call("PATCH", f"/rooms/{room_id}", {"isPrivate": True, "slowModeS": 30}) == 200
    assert ann.call("DELETE", f"/messages/{message['id']}") in (200, 204)
    assert ann.call("POST", f"/rooms/{room_id}/bans/{bob.id}", {"reason": "Too many puns"}) < 300

    asked: list[Route] = []
    ann.page.route(f"**/users/{bob.id}", lambda route: asked.append(route))
    ann.page.reload()  # what was known of Bob is forgotten
    ann.expect_in_room()
    ann.choose_of_room("Audit trail")
    sentences = ann.panel.locator("li.report p:not(.report-reason)")
    expect(sentences).to_have_count(4)
    expect(sentences.first).to_have_text(f"{ann.name} banned somebody for good.")
    for route in asked:
        route.continue_()
    expect(sentences).to_have_text(
        [
            f"{ann.name} banned Robert for good.",
            f"{ann.name} deleted a message of Robert.",
            f"{ann.name} made the room private and set slow mode to one message in 30 seconds.",
            f"{ann.name} made Robert a moderator, a member before.",
        ]
    )
    expect(ann.panel.locator(".report-reason")).to_have_text("Too many puns")
    ann.panel.get_by_role("button", name="Show it").click()
    expect(ann.page).to_have_url(re.compile(r"at=1\b"))


def test_a_list_stays_as_it_was_loaded_last_when_an_earlier_answer_comes_late(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    late: list[tuple[Route, APIResponse]] = []
    ann.page.route("**/invites", lambda route: late.append((route, route.fetch())), times=1)
    ann.choose_of_room("Room settings")
    ann.dialog.get_by_role("button", name="Invite links").click()
    expect(ann.dialog.get_by_role("status")).to_have_text("Loading…")
    ann.dialog.get_by_role("button", name="Make a link", exact=True).click()
    revoke = ann.dialog.get_by_role("button", name="Revoke")
    expect(revoke).to_have_count(1)
    [(route, response)] = late
    with ann.page.expect_event("requestfinished", lambda one: one.url.endswith("/invites")):
        route.fulfill(response=response)
    assert ann.call("GET", "/health") == 200  # by now the page has taken the answer
    assert revoke.count() == 1


def test_a_page_of_a_list_is_added_once_and_one_that_fails_can_be_asked_for_again(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "net::ERR_FAILED")
    room_id = ann.make_room(room_name)
    for number in range(4):
        assert ann.call("PATCH", f"/rooms/{room_id}", {"maxUsers": 50 + number}) == 200

    def ask_for_two(route: Route) -> None:
        url = route.request.url
        route.continue_(url=f"{url}{'&' if '?' in url else '?'}limit=2")

    ann.page.route("**/audit*", ask_for_two)
    ann.choose_of_room("Audit trail")
    entries = ann.panel.locator("li.report")
    expect(entries).to_have_count(2)
    ann.page.route("**/audit?*cursor=*", lambda route: route.abort(), times=1)
    more = ann.panel.get_by_role("button", name="Show more")
    more.click()
    ann.panel.get_by_role("button", name="Retry").click()
    expect(entries).to_have_count(4)
    expect(more).to_have_count(0)

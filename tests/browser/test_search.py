"""The search panel: what is found in the messages, how it is narrowed, and what a failure and a late answer do."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Route, expect

from tests.browser.person import Person
from tests.support import client
from tests.support.server import ServerProcess

NewPerson = Callable[..., Person]


def searched(url: str) -> str | None:
    """The words that a request to this URL searches for."""
    parts = urlsplit(url)
    return parse_qs(parts.query)["q"][0] if parts.path == "/messages/search" else None


def with_teapots(new_person: NewPerson, *rooms: str) -> Person:
    """Ann, who wrote of a teapot in each of these rooms, and is in the last."""
    ann = new_person("ann")
    for room in rooms:
        ann.make_room(room)
        ann.send_message(f"A teapot in {room}")
        ann.expect_message("A teapot")
    return ann


def test_what_is_found_leads_to_its_place_and_chips_narrow_the_search(new_person: NewPerson, room_name: str) -> None:
    ann = with_teapots(new_person, f"{room_name} two", room_name)
    panel = ann.open_panel("Search")
    found, status = panel.locator(".found-message"), panel.get_by_role("status")
    panel.get_by_role("searchbox").fill("teapot")
    expect(status).to_have_text("1 message")
    panel.get_by_role("button", name=f"In {room_name}", exact=True).click()
    expect(status).to_have_text("2 messages")
    panel.get_by_role("button", name="With files").click()
    expect(status).to_have_text("Nothing was found.")
    panel.get_by_role("button", name="With files").click()
    found.filter(has_text=f"{room_name} two").click()
    expect(ann.heading).to_have_text(f"{room_name} two")
    expect(ann.message("A teapot")).to_be_in_viewport()


def test_a_result_in_another_room_leaves_the_search_as_it_is_also_after_back_and_a_reload(
    new_person: NewPerson, room_name: str
) -> None:
    ann = with_teapots(new_person, f"{room_name} two", room_name)
    panel = ann.open_panel("Search")
    search, status = panel.get_by_role("searchbox"), panel.get_by_role("status")
    here = panel.get_by_role("button", name=f"In {room_name}", exact=True)

    def expect_the_search(*, in_room: str) -> None:
        expect(ann.heading).to_have_text(in_room)
        expect(search).to_have_value("teapot")
        expect(status).to_have_text("2 messages")

    search.fill("teapot")
    expect(status).to_have_text("1 message")
    here.click()
    expect(status).to_have_text("2 messages")
    search.evaluate("node => (node.dataset.mark = 'the same')")
    panel.locator(".found-message", has_text=f"{room_name} two").click()
    expect_the_search(in_room=f"{room_name} two")
    expect(search).to_have_attribute("data-mark", "the same")
    ann.page.go_back()
    expect_the_search(in_room=room_name)
    expect(search).to_have_attribute("data-mark", "the same")
    ann.page.reload()
    expect_the_search(in_room=room_name)
    expect(here).to_have_attribute("aria-pressed", "false")

    here.click()
    expect(status).to_have_text("1 message")
    ann.page.reload()
    expect(status).to_have_text("1 message")
    expect(here).to_have_attribute("aria-pressed", "true")
    ann.send_message("/search kettle")
    expect(search).to_have_value("kettle")
    expect(status).to_have_text("Nothing was found.")
    ann.page.go_back()
    expect(search).to_have_value("teapot")
    expect(status).to_have_text("1 message")


def test_a_search_that_fails_can_be_tried_again_and_a_late_answer_is_dropped(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    for text in ("One kettle", "One teapot"):
        ann.send_message(text)
        ann.expect_message(text)
    ann.ignored_errors = (*ann.ignored_errors, "net::ERR_FAILED")
    panel = ann.open_panel("Search")
    found, search = panel.locator(".found-message"), panel.get_by_role("searchbox")
    search.fill("one")
    expect(found).to_have_count(2)

    ann.page.route(lambda url: searched(url) == "kettle", lambda route: route.abort(), times=1)
    search.fill("kettle")
    retry = panel.get_by_role("status").get_by_role("button", name="Retry")
    expect(retry).to_be_visible()
    expect(found).to_have_count(0)
    retry.click()
    expect(found).to_contain_text("One kettle")

    held: list[Route] = []
    ann.page.route(lambda url: searched(url) == "teapot", lambda route: held.append(route), times=1)
    with ann.page.expect_request(lambda request: searched(request.url) == "teapot"):
        search.fill("teapot")
    search.fill("")
    with ann.page.expect_response(lambda response: searched(response.url) == "teapot"):
        held[0].continue_()
    search.fill("kettle")
    expect(panel.get_by_role("status")).to_have_text("1 message")
    expect(found).to_contain_text("One kettle")


def test_a_reply_that_is_found_is_shown_in_its_thread(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    bob = client.register(server.url)
    bob.join(room_id)
    root = bob.post(room_id, "Who is for tea?")
    for number in range(52):  # more than a page of a thread has
        bob.post(room_id, f"Reply {number}", threadId=root["id"])
    reply = bob.post(room_id, "A teapot", threadId=root["id"])
    for number in range(20):
        bob.post(room_id, f"Later {number}", threadId=root["id"])
    panel = ann.open_panel("Search")
    found = panel.locator(".found-message")
    panel.get_by_role("searchbox").fill("teapot")
    found.click()
    expect(panel.locator("[data-thread] .window-flash")).to_contain_text("A teapot")
    replies = panel.locator("[data-thread] article")
    expect(replies.filter(has_text="A teapot")).to_be_in_viewport()
    expect(replies.filter(has_text="Later 19")).not_to_be_in_viewport()
    expect(ann.message("Who is for tea?")).to_be_in_viewport()
    ann.page.reload()
    expect(replies.filter(has_text="A teapot")).to_be_in_viewport()
    expect(ann.page).to_have_url(re.compile(f"panel=thread&id={root['id']}&at={reply['seq']}$"))
    ann.page.go_back()
    expect(found).to_be_visible()
